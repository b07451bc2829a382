import { RuntimeError } from "../../runtime-error.ts";
import type { HostFacts } from "../host-facts.ts";
import type { ProfileChoice } from "../security-profile.ts";
import type { OciSeccomp } from "../types.ts";
import { defaultSeccomp } from "./default-seccomp.ts";

/**
 * The system-call filter; undefined is none. `file` is the profile that was read from a file: that of a Localhost choice,
 * or the one that takes the place of the built-in default.
 */
export function containerSeccomp(
  choice: ProfileChoice,
  capabilities: readonly string[],
  file: OciSeccomp | undefined,
  host: Pick<HostFacts, "seccomp" | "architecture">,
): OciSeccomp | undefined {
  if (choice.kind === "unset" || choice.kind === "unconfined") return undefined;
  if (!host.seccomp)
    throw new RuntimeError(
      "FailedPrecondition",
      "a seccomp profile was asked for, but this kernel has no seccomp",
    );
  return file ?? defaultSeccomp(capabilities, host.architecture);
}
