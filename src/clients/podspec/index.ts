/**
 * Translates a pod's specification to CRI's configurations of its sandbox and containers, and creates what
 * these need on the machine: directories of volumes, logs and termination messages, and cgroups.
 *
 * {@link sandboxConfig} and {@link containerConfig} translate; {@link preparePod} and {@link removePodFiles}
 * create and remove a pod's files. Objects that a pod refers to (config maps, secrets, claims) come from
 * {@link ObjectSource}. This room calls no runtime and does not decide when anything happens.
 */
export { type MachineMemory, machineMemory } from "./cgroups/machine-memory.ts";
export { PodCgroups } from "./cgroups/pod-cgroups.ts";
export {
  type Amounts,
  containerLimits,
  containerRequests,
  podLimits,
  podRequests,
} from "./cgroups/pod-requests.ts";
export { type QosClass, qosClass } from "./cgroups/qos-class.ts";
export {
  containerConfig,
  imageAnnotation,
  logPath,
  restartCountAnnotation,
} from "./container-config.ts";
export type { ContainerRequest, ImageUser } from "./container-request.ts";
export type { ObjectSource, PodContext, ServiceAddress } from "./context.ts";
export { PodSpecError } from "./errors.ts";
export { expandStatic, unexpanded } from "./expansion.ts";
export { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from "./labels.ts";
export { logDirectory, podDirectory, terminationLog } from "./paths.ts";
export { type Pod, podTitle } from "./pod.ts";
export { preparePod, removePodFiles, removePodVolumes } from "./pod-files.ts";
export { pullSecrets } from "./pull-secrets.ts";
export { sandboxConfig } from "./sandbox-config.ts";
export { runsAsImageUser } from "./security.ts";
export { machineUsersDir } from "./user-namespace.ts";
export { prepareVolumes, refreshVolumes } from "./volumes/prepare-volumes.ts";
export { claimNameOf } from "./volumes/volume-path.ts";
export { hasLimitedVolumes, overfullVolume, treeBytes, treeInodes } from "./volumes/volume-usage.ts";
