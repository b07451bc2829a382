import { readFile } from "node:fs/promises";
import type { LinuxContainerSecurityContext } from "../../../protocol/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import { profileChoice } from "../security-profile.ts";
import type { OciSeccomp } from "../types.ts";

/** The profile file of a Localhost choice, in the runtime-spec's form; undefined for every other choice. */
export async function seccompProfileFile(
  security: LinuxContainerSecurityContext | undefined,
): Promise<OciSeccomp | undefined> {
  const choice = profileChoice("seccomp", security?.seccomp, security?.seccompProfilePath ?? "");
  if (choice.kind !== "localhost") return undefined;
  const { reference } = choice;
  try {
    return parseProfile(await readFile(reference, "utf8"));
  } catch (cause) {
    throw new RuntimeError("FailedPrecondition", `seccomp profile ${reference}: cannot be used`, { cause });
  }
}

function parseProfile(text: string): OciSeccomp {
  const profile: unknown = JSON.parse(text);
  if (isProfile(profile)) return profile;
  throw new Error("it is no object with a defaultAction");
}

/** The rest is the OCI runtime's to check: it knows the actions and flags of its libseccomp. */
function isProfile(value: unknown): value is OciSeccomp {
  return (
    typeof value === "object" &&
    value !== null &&
    "defaultAction" in value &&
    typeof value.defaultAction === "string"
  );
}
