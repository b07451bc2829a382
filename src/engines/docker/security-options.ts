import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import type { LinuxContainerSecurityContext, SELinuxOption } from "../../ground/protocol/index.ts";
import { choiceOfText, type ProfileChoice, profileChoice } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";

export type SecuritySettings = {
  /** "unconfined", "runtime/default" or "localhost/NAME". */
  readonly unsetSeccompProfile: string;
  readonly privilegedSeccompProfile: string;
  /** Where a profile lies that is given by a relative path. */
  readonly seccompProfileRoot: string;
};

type Asked = Pick<
  LinuxContainerSecurityContext,
  | "seccomp"
  | "seccompProfilePath"
  | "apparmor"
  | "apparmorProfile"
  | "selinuxOptions"
  | "noNewPrivs"
  | "privileged"
>;

/**
 * Docker's `SecurityOpt`. Its default profiles are those of the engine: nothing is said of them. Throws
 * EngineError for a seccomp profile that cannot be read.
 */
export async function securityOptions(
  asked: Partial<Asked>,
  settings: SecuritySettings,
  lookUp: LookUp,
): Promise<readonly string[]> {
  const { seccomp, seccompProfilePath = "", apparmor, apparmorProfile = "" } = asked;
  const { selinuxOptions, noNewPrivs = false, privileged = false } = asked;
  const choice = profileChoice("seccomp", seccomp, seccompProfilePath);
  return [
    ...(await seccompOption(choice, privileged, settings, lookUp)),
    ...apparmorOption(profileChoice("AppArmor", apparmor, apparmorProfile), privileged),
    ...selinuxLabels(selinuxOptions),
    ...(noNewPrivs ? ["no-new-privileges"] : []),
  ];
}

async function seccompOption(
  asked: ProfileChoice,
  privileged: boolean,
  settings: SecuritySettings,
  lookUp: LookUp,
): Promise<readonly string[]> {
  const unset = privileged ? settings.privilegedSeccompProfile : settings.unsetSeccompProfile;
  const choice = asked.kind === "unset" || privileged ? choiceOfText("seccomp", unset) : asked;
  if (choice.kind === "unconfined") return ["seccomp=unconfined"];
  // The engine gives none to privileged containers.
  if (choice.kind !== "localhost") return [];
  const { reference } = choice;
  const path = isAbsolute(reference) ? reference : join(settings.seccompProfileRoot, reference);
  try {
    return [`seccomp=${await lookUp(path, () => readFile(path, "utf8"))}`];
  } catch (cause) {
    throw new EngineError("InvalidArgument", `seccomp profile ${path} cannot be read`, { cause });
  }
}

function apparmorOption(choice: ProfileChoice, privileged: boolean): readonly string[] {
  if (privileged) return [];
  if (choice.kind === "unconfined") return ["apparmor=unconfined"];
  return choice.kind === "localhost" ? [`apparmor=${choice.reference}`] : [];
}

function selinuxLabels(options: SELinuxOption | undefined): readonly string[] {
  if (options === undefined) return [];
  return (["user", "role", "type", "level"] as const).flatMap((part) =>
    options[part] === "" ? [] : [`label=${part}:${options[part]}`],
  );
}
