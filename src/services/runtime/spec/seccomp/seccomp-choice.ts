import type { LinuxContainerSecurityContext } from "../../../../ground/protocol/index.ts";
import type { SecuritySettings } from "../input.ts";
import { choiceOfText, type ProfileChoice, profileChoice } from "../security-profile.ts";

/**
 * Which seccomp profile a container gets: its own choice; the configuration's where it makes none; and for a
 * privileged container the configuration's for those, whatever it says, as it can get past every filter.
 */
export function seccompChoice(
  security: LinuxContainerSecurityContext | undefined,
  settings: Pick<SecuritySettings, "unsetSeccompProfile" | "privilegedSeccompProfile">,
): ProfileChoice {
  const choice = profileChoice("seccomp", security?.seccomp, security?.seccompProfilePath ?? "");
  if (security?.privileged) return choiceOfText("seccomp", settings.privilegedSeccompProfile);
  return choice.kind === "unset" ? choiceOfText("seccomp", settings.unsetSeccompProfile) : choice;
}
