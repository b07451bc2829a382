import type { LinuxContainerSecurityContext } from "../../../protocol/index.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { HostFacts } from "../host-facts.ts";
import { profileChoice } from "../security-profile.ts";
import type { OciSeccomp } from "../types.ts";
import { defaultSeccomp } from "./default-seccomp.ts";

/**
 * The system-call filter. None for a privileged container, and none unless one was asked for: that is CRI's meaning of
 * an absent profile. `localhostProfile` is the file's content where the choice is Localhost.
 */
export function containerSeccomp(
  security: LinuxContainerSecurityContext | undefined,
  capabilities: readonly string[],
  localhostProfile: OciSeccomp | undefined,
  host: Pick<HostFacts, "seccomp" | "architecture">,
): OciSeccomp | undefined {
  if (security === undefined || security.privileged) return undefined;
  const choice = profileChoice("seccomp", security.seccomp, security.seccompProfilePath);
  if (choice.kind === "unset" || choice.kind === "unconfined") return undefined;
  if (!host.seccomp)
    throw new RuntimeError(
      "FailedPrecondition",
      "a seccomp profile was asked for, but this kernel has no seccomp",
    );
  return choice.kind === "runtimeDefault"
    ? defaultSeccomp(capabilities, host.architecture)
    : localhostProfile;
}
