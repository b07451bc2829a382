import type { LinuxContainerSecurityContext } from "../../protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { HostFacts } from "./host-facts.ts";
import { profileChoice } from "./security-profile.ts";

/**
 * The AppArmor profile by name; undefined is none. A profile that was asked for and cannot be had is an error: the
 * container would run with more rights than its author meant.
 */
export function appArmorProfile(
  security: LinuxContainerSecurityContext | undefined,
  host: Pick<HostFacts, "appArmor">,
): string | undefined {
  const choice = profileChoice("AppArmor", security?.apparmor, security?.apparmorProfile ?? "");
  if (choice.kind === "unset" || choice.kind === "unconfined") return undefined;
  if (!host.appArmor) {
    throw new RuntimeError(
      "FailedPrecondition",
      "an AppArmor profile was asked for, but this host has no AppArmor",
    );
  }
  if (choice.kind === "localhost") return choice.reference;
  if (security?.privileged) return undefined;
  throw new RuntimeError(
    "Unimplemented",
    "AppArmor's RuntimeDefault profile is not supported yet; name a loaded profile (Localhost)",
  );
}
