import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import {
  type LinuxContainerSecurityContext,
  type SELinuxOption,
  type SecurityProfile,
  SecurityProfile_ProfileType,
} from "../../ground/protocol/index.ts";
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
  "seccomp" | "apparmor" | "selinuxOptions" | "noNewPrivs" | "privileged"
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
  const { seccomp, apparmor, selinuxOptions, noNewPrivs = false, privileged = false } = asked;
  return [
    ...(await seccompOption(seccomp, privileged, settings, lookUp)),
    ...apparmorOption(apparmor, privileged),
    ...selinuxLabels(selinuxOptions),
    ...(noNewPrivs ? ["no-new-privileges"] : []),
  ];
}

async function seccompOption(
  profile: SecurityProfile | undefined,
  privileged: boolean,
  settings: SecuritySettings,
  lookUp: LookUp,
): Promise<readonly string[]> {
  const unset = privileged ? settings.privilegedSeccompProfile : settings.unsetSeccompProfile;
  const wanted = profile === undefined || privileged ? unset : nameOf(profile);
  if (wanted === "unconfined") return ["seccomp=unconfined"];
  // The engine gives none to privileged containers.
  if (wanted === "runtime/default") return [];
  const name = wanted.replace(/^localhost\//, "");
  const path = isAbsolute(name) ? name : join(settings.seccompProfileRoot, name);
  try {
    return [`seccomp=${await lookUp(path, () => readFile(path, "utf8"))}`];
  } catch (cause) {
    throw new EngineError("InvalidArgument", `seccomp profile ${path} cannot be read`, { cause });
  }
}

function nameOf({ profileType, localhostRef }: SecurityProfile): string {
  if (profileType === SecurityProfile_ProfileType.Unconfined) return "unconfined";
  if (profileType === SecurityProfile_ProfileType.Localhost) return `localhost/${localhostRef}`;
  return "runtime/default";
}

function apparmorOption(profile: SecurityProfile | undefined, privileged: boolean): readonly string[] {
  if (profile === undefined || privileged) return [];
  const { profileType, localhostRef } = profile;
  if (profileType === SecurityProfile_ProfileType.Unconfined) return ["apparmor=unconfined"];
  return profileType === SecurityProfile_ProfileType.Localhost
    ? [`apparmor=${localhostRef.replace(/^localhost\//, "")}`]
    : [];
}

function selinuxLabels(options: SELinuxOption | undefined): readonly string[] {
  if (options === undefined) return [];
  return (["user", "role", "type", "level"] as const).flatMap((part) =>
    options[part] === "" ? [] : [`label=${part}:${options[part]}`],
  );
}
