import type { AppArmor } from "../../apparmor/app-armor.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { HostFacts } from "../host-facts.ts";
import type { SecuritySettings } from "../input.ts";
import type { ProfileChoice } from "../security-profile.ts";

/**
 * The AppArmor profile of a choice by name; undefined is none. One that was asked for and cannot be had is an
 * error: the container would run with more rights than its author meant. Where none was asked for, the
 * default is taken if it can be had, as by the peers.
 */
export async function resolveAppArmor(
  { choice, privileged }: { readonly choice: ProfileChoice; readonly privileged: boolean },
  host: Pick<HostFacts, "appArmor">,
  settings: Pick<SecuritySettings, "disableApparmor" | "apparmorProfile">,
  appArmor: AppArmor,
): Promise<string | undefined> {
  if (!mayHaveAppArmor(choice, host.appArmor, settings)) return undefined;
  if (choice.kind === "localhost") {
    if (await appArmor.isLoaded(choice.reference)) return choice.reference;
    throw new RuntimeError(
      "FailedPrecondition",
      `AppArmor profile ${JSON.stringify(choice.reference)} is not loaded on this host; load it with apparmor_parser`,
    );
  }
  if (privileged) return undefined;
  const { apparmorProfile } = settings;
  if (choice.kind === "unset" && !(await appArmor.isLoaded(apparmorProfile)) && !(await appArmor.canLoad()))
    return undefined;
  await appArmor.loadDefault(apparmorProfile);
  return apparmorProfile;
}

/**
 * Whether a choice may come to a profile at all. Throws RuntimeError FailedPrecondition for one that asks for
 * a profile where none can be had.
 */
export function mayHaveAppArmor(
  { kind }: ProfileChoice,
  isThere: boolean,
  { disableApparmor }: Pick<SecuritySettings, "disableApparmor">,
): boolean {
  if (kind === "unconfined") return false;
  if (isThere && !disableApparmor) return true;
  if (kind === "unset") return false;
  const obstacle = isThere
    ? "security.disable_apparmor is set in the configuration"
    : "this host does not have AppArmor";
  throw new RuntimeError("FailedPrecondition", `an AppArmor profile was requested, but ${obstacle}`);
}
