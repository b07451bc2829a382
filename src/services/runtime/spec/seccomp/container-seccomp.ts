import type { LinuxContainerSecurityContext } from "../../../../ground/protocol/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { HostFacts } from "../host-facts.ts";
import type { SecuritySettings } from "../input.ts";
import { choiceOfText, type ProfileChoice, profileChoice } from "../security-profile.ts";
import type { OciSeccomp } from "../types.ts";
import { defaultSeccomp, nativeArchitecture } from "./default-seccomp.ts";
import { intersectProfiles } from "./intersect-profiles.ts";
import { applicableProfile, type SeccompFile } from "./profile-conditions.ts";

/**
 * The seccomp filter; undefined for none. `file` is the profile that was read from a file: that of a
 * Localhost choice, or the replacement of `builtIn`. `pulled` is that of an OCI choice, for which the others
 * are the base. Throws RuntimeError FailedPrecondition, also for two profiles that cannot be combined.
 */
export function containerSeccomp(
  choice: ProfileChoice,
  capabilities: readonly string[],
  file: SeccompFile | undefined,
  host: Pick<HostFacts, "seccomp" | "architecture" | "kernel">,
  builtIn: () => OciSeccomp = () => defaultSeccomp(capabilities, host.architecture),
  pulled?: SeccompFile,
): OciSeccomp | undefined {
  if (choice.kind === "unset" || choice.kind === "unconfined") return undefined;
  if (!host.seccomp)
    throw new RuntimeError(
      "FailedPrecondition",
      "a seccomp profile was requested, but this kernel has no seccomp",
    );
  const circumstances = { capabilities, ...host };
  const profile = file === undefined ? builtIn() : applicableProfile(file, circumstances);
  if (choice.kind !== "oci" || pulled === undefined) return profile;
  try {
    const own = applicableProfile(pulled, circumstances);
    return intersectProfiles(own, profile, nativeArchitecture(host.architecture));
  } catch (cause) {
    throw new RuntimeError(
      "FailedPrecondition",
      `seccomp profile ${choice.reference}: cannot be combined with its base profile`,
      { cause },
    );
  }
}

/**
 * The seccomp profile of a container: its own choice, or the configuration's default; for a privileged
 * container, always the configuration's profile for those, since it could bypass every filter.
 */
export function seccompChoice(
  security: LinuxContainerSecurityContext | undefined,
  settings: Pick<SecuritySettings, "unsetSeccompProfile" | "privilegedSeccompProfile">,
): ProfileChoice {
  const choice = profileChoice("seccomp", security?.seccomp, security?.seccompProfilePath ?? "");
  if (security?.privileged) return choiceOfText("seccomp", settings.privilegedSeccompProfile);
  return choice.kind === "unset" ? choiceOfText("seccomp", settings.unsetSeccompProfile) : choice;
}
