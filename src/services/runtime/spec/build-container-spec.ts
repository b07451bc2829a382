import { cgroupsPath } from "../cgroups/cgroups-path.ts";
import { containerHooks } from "../hooks/container-hooks.ts";
import { RuntimeError } from "../runtime-error.ts";
import { containerAnnotations } from "./annotations.ts";
import { processCapabilitySets } from "./capabilities.ts";
import { applyEdits } from "./edits/apply-edits.ts";
import type { ContainerSpecInput } from "./input.ts";
import { containerMounts } from "./mounts.ts";
import { containerNamespaces } from "./namespaces.ts";
import { processArgs, processCwd, processEnv } from "./process.ts";
import { withMappedDevices } from "./resolved-device.ts";
import { containerResources, oomScoreAdj } from "./resources.ts";
import { containerRlimits } from "./rlimits.ts";
import { containerSeccomp, seccompChoice } from "./seccomp/container-seccomp.ts";
import { maskedPaths, readonlyPaths } from "./security-profile.ts";
import type { OciDevice, OciProcess, OciSpec } from "./types.ts";
import { idMappings } from "./user-namespace.ts";

/**
 * Version of the runtime-spec that is written; newer features are not used, for the sake of crun 1.8 and runc
 * 1.1.
 */
export const ociVersion = "1.0.2";

/**
 * Builds the OCI spec of a container from its CRI configuration, with the defaults that Kubernetes users know
 * from containerd. Pure: the same input gives the same spec, and nothing is read or created.
 *
 * Throws RuntimeError: InvalidArgument for a contradictory configuration, FailedPrecondition for what this
 * host or handler does not support. Nothing that was requested is silently ignored, except for capabilities
 * that the daemon itself lacks (as in runc), limits whose cgroup controller this host lacks, and SELinux
 * options and the relabelling of volumes on a host without SELinux (as in containerd and CRI-O).
 */
export function buildContainerSpec(input: ContainerSpecInput): OciSpec {
  const { id, config, sandboxConfig, sandbox, rootfsPath, resolved, cgroupDriver } = input;
  const { settings, labels, host } = input;
  refuseLabels(input);
  const security = config.linux?.securityContext;
  const privileged = security?.privileged ?? false;
  const process = containerProcess(input);
  const { mounts, rootfsPropagation } = containerMounts(input);
  const choice = seccompChoice(security, settings.security);
  const { seccompProfile, pulledSeccompProfile: pulled } = resolved;
  const seccomp = containerSeccomp(
    choice,
    process.capabilities.bounding,
    seccompProfile,
    host,
    undefined,
    pulled,
  );
  const spec: OciSpec = {
    ociVersion,
    root: { path: rootfsPath, readonly: security?.readonlyRootfs ?? false },
    process,
    mounts,
    ...containerHooks(input, { process, annotations: containerAnnotations(input) }),
    linux: {
      cgroupsPath: cgroupsPath(cgroupDriver, sandboxConfig.linux?.cgroupParent ?? "", id),
      namespaces: containerNamespaces(input),
      ...idMappings(sandbox, resolved.user),
      devices: eachPathOnce([...resolved.hostDevices, ...resolved.devices.map(({ device }) => device)]),
      resources: {
        ...containerResources(
          config.linux?.resources,
          resolved.devices,
          privileged && !input.privilegedWithoutHostDevices,
          host,
        ),
        ...(input.settings.pidsLimit > 0 && { pids: { limit: input.settings.pidsLimit } }),
      },
      maskedPaths: maskedPaths(security),
      readonlyPaths: readonlyPaths(security),
      ...(rootfsPropagation !== undefined && { rootfsPropagation }),
      ...(seccomp !== undefined && { seccomp }),
      ...(labels !== undefined && { mountLabel: labels.mount }),
    },
  };
  const edited = applyEdits(spec, resolved.edits);
  if (sandbox.idMappings === undefined) return edited;
  return withMappedDevices(edited, [
    ...resolved.devices,
    ...resolved.edits.flatMap(({ devices }) => devices),
  ]);
}

function containerProcess({
  config,
  sandbox,
  image,
  resolved,
  settings,
  labels,
  host,
}: ContainerSpecInput): OciProcess {
  const security = config.linux?.securityContext;
  const { appArmorProfile } = resolved;
  return {
    terminal: config.tty,
    args: processArgs(config, image),
    env: processEnv(config, image, { hostname: sandbox.hostname, home: resolved.home }),
    cwd: processCwd(config, image),
    user: resolved.user,
    capabilities: processCapabilitySets(security, host.capabilities),
    noNewPrivileges: security?.noNewPrivs ?? false,
    rlimits: containerRlimits(settings, host),
    oomScoreAdj: oomScoreAdj(config.linux?.resources, host),
    ...(labels !== undefined && { selinuxLabel: labels.process }),
    ...(appArmorProfile !== undefined && { apparmorProfile: appArmorProfile }),
  };
}

/** A container's own devices replace the host's at the same path. */
function eachPathOnce(devices: readonly OciDevice[]): readonly OciDevice[] {
  return [...new Map(devices.map((device) => [device.path, device])).values()];
}

/**
 * Rejects a requested label if the kernel supports labels and the configuration disables them; it would have
 * no effect.
 */
function refuseLabels({ config, settings, host }: ContainerSpecInput): void {
  const options = config.linux?.securityContext?.selinuxOptions ?? {};
  if (!host.seLinux || settings.security.enableSelinux || Object.values(options).every((part) => part === ""))
    return;
  throw new RuntimeError(
    "FailedPrecondition",
    "linux.security_context.selinux_options: this host has SELinux, but security.enable_selinux is not set in berth's configuration",
  );
}
