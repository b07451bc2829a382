import type { LookUp } from "../../../../ground/hostpaths/index.ts";
import type { PodSandboxConfig } from "../../../../ground/protocol/index.ts";
import type { AppArmor } from "../../apparmor/app-armor.ts";
import type { HostFacts } from "../host-facts.ts";
import type { ContainerSettings } from "../input.ts";
import { containerSeccomp } from "../seccomp/container-seccomp.ts";
import { nativeSeccomp } from "../seccomp/default-seccomp.ts";
import { type ProfileChoice, profileChoice } from "../security-profile.ts";
import type { OciSeccomp } from "../types.ts";
import { resolveAppArmor } from "./app-armor.ts";
import { type PulledProfiles, pulledProfile } from "./pulled-profile.ts";
import { seccompProfileFile } from "./seccomp-file.ts";

/** The confinement of a pause process; undefined if the host does not support it. */
export type PauseProfiles = {
  readonly seccomp: OciSeccomp | undefined;
  /** Name of a profile that is loaded. */
  readonly appArmor: string | undefined;
};

type Input = {
  readonly sandboxConfig: PodSandboxConfig;
  readonly settings: Pick<ContainerSettings, "security">;
  readonly host: Pick<HostFacts, "appArmor" | "seccomp" | "architecture" | "kernel">;
  readonly appArmor: AppArmor;
  /** For paths that the sandbox names. */
  readonly lookUp: LookUp;
  readonly pulledProfiles: PulledProfiles;
};

/**
 * The profiles of a pod's pause process: those that the sandbox names, from files or pulled, otherwise the
 * default ones, whatever its containers may do. A program that only waits loses nothing by them, so
 * Unconfined and a privileged sandbox are ignored. If requested profiles are not available, that is an error,
 * as for containers; without a request, the process runs without. Throws RuntimeError: InvalidArgument,
 * FailedPrecondition.
 */
export async function resolvePause({
  sandboxConfig,
  settings: { security: settings },
  host,
  appArmor: kernelProfiles,
  lookUp,
  pulledProfiles,
}: Input): Promise<PauseProfiles> {
  const security = sandboxConfig.linux?.securityContext;
  const askedSeccomp = profileChoice("seccomp", security?.seccomp, security?.seccompProfilePath ?? "");
  const seccomp = neverUnconfined(askedSeccomp, host.seccomp);
  // If unset, the default profile is used, if there is one.
  const appArmor = neverUnconfined(profileChoice("AppArmor", security?.apparmor, ""), false);
  const [file, pulled, profile] = await Promise.all([
    seccompProfileFile(seccomp, settings, lookUp),
    pulledProfile(seccomp, pulledProfiles),
    resolveAppArmor({ choice: appArmor, privileged: false }, host, settings, kernelProfiles),
  ]);
  const builtIn = () => nativeSeccomp(host.architecture);
  return { seccomp: containerSeccomp(seccomp, [], file, host, builtIn, pulled), appArmor: profile };
}

/** The choice, except that the default profile replaces none. */
function neverUnconfined(choice: ProfileChoice, hasDefault: boolean): ProfileChoice {
  if (choice.kind !== "unset" && choice.kind !== "unconfined") return choice;
  return { kind: hasDefault ? "runtimeDefault" : "unset" };
}
