import type { LookUp } from "../../ground/hostpaths/index.ts";
import {
  LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  type SELinuxOption,
} from "../../ground/protocol/index.ts";
import {
  mayHaveAppArmor,
  type ProfileChoice,
  profileChoice,
  type SecuritySettings as RuntimeSettings,
  seccompChoice,
  seccompProfileText,
} from "../../services/runtime/index.ts";
import type { EngineAbilities } from "./engine-abilities.ts";

export type SecuritySettings = Pick<
  RuntimeSettings,
  | "unsetSeccompProfile"
  | "privilegedSeccompProfile"
  | "seccompProfile"
  | "seccompProfileRoot"
  | "disableApparmor"
>;

type Options = Pick<EngineAbilities, "hasApparmor"> & {
  readonly security: SecuritySettings;
  /** Always set explicitly: daemon.json may have another default for containers. */
  readonly noNewPrivs: boolean;
};

/**
 * Docker's `SecurityOpt`. Leaves out default profiles, for which the engine's own apply. Throws RuntimeError
 * if a profile is not available.
 */
export async function securityOptions(
  asked: LinuxContainerSecurityContext | LinuxSandboxSecurityContext | undefined,
  { hasApparmor, security: settings, noNewPrivs }: Options,
  lookUp: LookUp,
): Promise<readonly string[]> {
  const context = LinuxContainerSecurityContext.fromPartial(asked ?? {});
  const { apparmor, apparmorProfile, selinuxOptions } = context;
  const choice = profileChoice("AppArmor", apparmor, apparmorProfile);
  const hasProfile = mayHaveAppArmor(choice, hasApparmor, settings);
  return [
    ...(await seccompOption(seccompChoice(context, settings), settings, lookUp)),
    ...(hasProfile ? apparmorOption(choice) : ["apparmor=unconfined"]),
    ...selinuxLabels(selinuxOptions),
    `no-new-privileges=${noNewPrivs}`,
  ];
}

/** Without an option, the engine applies its default profile to containers that are not privileged. */
async function seccompOption(
  choice: ProfileChoice,
  settings: SecuritySettings,
  lookUp: LookUp,
): Promise<readonly string[]> {
  if (choice.kind === "unset" || choice.kind === "unconfined") return ["seccomp=unconfined"];
  const text = await seccompProfileText(choice, settings, lookUp);
  return text === undefined ? [] : [`seccomp=${text}`];
}

function apparmorOption(choice: ProfileChoice): readonly string[] {
  return choice.kind === "localhost" ? [`apparmor=${choice.reference}`] : [];
}

function selinuxLabels(options: SELinuxOption | undefined): readonly string[] {
  if (options === undefined) return [];
  return (["user", "role", "type", "level"] as const).flatMap((part) =>
    options[part] === "" ? [] : [`label=${part}:${options[part]}`],
  );
}
