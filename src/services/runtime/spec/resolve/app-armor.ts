import type { AppArmor } from "../../apparmor/app-armor.ts";
import { RuntimeError } from "../../runtime-error.ts";
import type { HostFacts } from "../host-facts.ts";
import type { SecuritySettings } from "../input.ts";
import type { ProfileChoice } from "../security-profile.ts";

/**
 * The name of the AppArmor profile for a choice; undefined for none. A requested profile that is not
 * available is an error: the container would run with more privileges than its author intended. Without a
 * request, the default is used if it is available, as in other runtimes.
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
 * Whether a choice can result in a profile at all. Throws RuntimeError FailedPrecondition if a profile is
 * requested and none is possible.
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
