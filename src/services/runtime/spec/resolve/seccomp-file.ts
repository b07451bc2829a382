import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { hasCode } from "../../../../ground/errors/index.ts";
import type { LookUp } from "../../../../ground/hostpaths/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { SecuritySettings } from "../input.ts";
import type { SeccompFile } from "../seccomp/profile-conditions.ts";
import type { ProfileChoice } from "../security-profile.ts";
import { parseSeccompProfile } from "./seccomp-profile.ts";

const maxBytes = 4 * 1024 * 1024;

/**
 * Reads the profile from a file in the runtime-spec's format: that of a Localhost choice, whose name is
 * relative to the configured directory unless it is absolute, as a kubelet's are; that of RuntimeDefault if
 * the configuration names a file; and that of a pulled profile's base. Undefined for every other choice.
 * Throws RuntimeError: InvalidArgument, FailedPrecondition.
 */
export async function seccompProfileFile(
  choice: ProfileChoice,
  settings: Pick<SecuritySettings, "seccompProfile" | "seccompProfileRoot">,
  lookUp: LookUp,
): Promise<SeccompFile | undefined> {
  return (await readProfileOf(choice, settings, lookUp))?.profile;
}

/** The unparsed text, for callers that parse profiles themselves. Throws as {@link seccompProfileFile}. */
export async function seccompProfileText(
  choice: ProfileChoice,
  settings: Pick<SecuritySettings, "seccompProfile" | "seccompProfileRoot">,
  lookUp: LookUp,
): Promise<string | undefined> {
  return (await readProfileOf(choice, settings, lookUp))?.text;
}

async function readProfileOf(
  choice: ProfileChoice,
  settings: Pick<SecuritySettings, "seccompProfile" | "seccompProfileRoot">,
  lookUp: LookUp,
): Promise<{ readonly text: string; readonly profile: SeccompFile } | undefined> {
  const path = pathOf(choice, settings);
  if (path === undefined) return undefined;
  try {
    const text = await lookUp(path, () => readProfile(path));
    return { text, profile: parseSeccompProfile(text) };
  } catch (cause) {
    const code = hasCode(cause, "Unavailable") ? "Unavailable" : "FailedPrecondition";
    throw new RuntimeError(code, `seccomp profile ${path} is invalid`, { cause });
  }
}

function pathOf(
  choice: ProfileChoice,
  { seccompProfile, seccompProfileRoot }: Pick<SecuritySettings, "seccompProfile" | "seccompProfileRoot">,
): string | undefined {
  if (choice.kind === "oci") return pathOf(choice.base, { seccompProfile, seccompProfileRoot });
  if (choice.kind === "runtimeDefault" && seccompProfile !== "") return seccompProfile;
  if (choice.kind !== "localhost") return undefined;
  const { reference } = choice;
  if (reference.split("/").includes("..")) {
    throw new RuntimeError(
      "InvalidArgument",
      `seccomp profile ${JSON.stringify(reference)}: must not contain ".."`,
    );
  }
  return isAbsolute(reference) ? reference : join(seccompProfileRoot, reference);
}

/** Opening a FIFO or a device with that name must not block. */
async function readProfile(path: string): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const info = await file.stat();
  if (!info.isFile() || info.size > maxBytes) throw new Error("it is not a regular file of reasonable size");
  return file.readFile("utf8");
}
