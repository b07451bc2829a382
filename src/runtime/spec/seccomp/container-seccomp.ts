import { RuntimeError } from "../../runtime-error.ts";
import type { HostFacts } from "../host-facts.ts";
import type { ProfileChoice } from "../security-profile.ts";
import type { OciSeccomp } from "../types.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import { applicableProfile, type SeccompFile } from "./profile-conditions.ts";

/**
 * The system-call filter; undefined is none. `file` is the profile that was read from a file: that of a Localhost choice,
 * or the one that takes the place of `builtIn`.
 */
export function containerSeccomp(
  choice: ProfileChoice,
  capabilities: readonly string[],
  file: SeccompFile | undefined,
  host: Pick<HostFacts, "seccomp" | "architecture" | "kernel">,
  builtIn: () => OciSeccomp = () => defaultSeccomp(capabilities, host.architecture),
): OciSeccomp | undefined {
  if (choice.kind === "unset" || choice.kind === "unconfined") return undefined;
  if (!host.seccomp)
    throw new RuntimeError(
      "FailedPrecondition",
      "a seccomp profile was asked for, but this kernel has no seccomp",
    );
  return file === undefined ? builtIn() : applicableProfile(file, { capabilities, ...host });
}
