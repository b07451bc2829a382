/**
 * The life cycle of pods over a CRI endpoint, as a kubelet manages it: one {@link PodWorker} for each pod
 * creates its sandbox, runs its init containers, sidecars and containers in order, probes them, restarts them
 * according to policy and back-off, and stops them in order.
 *
 * A worker keeps no state that it could not rebuild: it reads the runtime's state of the pod (`observe.ts`),
 * plans what is missing (`plan.ts`), does it, and waits for the next change, which {@link RuntimeWatch}
 * reports. This room knows no controllers, and no other pods.
 */
export type { PullCredentials } from "./images.ts";
export { LogRotation } from "./logs/log-rotation.ts";
export type { LogLimits } from "./logs/rotate-log.ts";
export type { PodEvent } from "./pod-event.ts";
export { PodRuntime } from "./pod-runtime.ts";
export type { StepObserver } from "./pod-work.ts";
export { type ProbeResults, probeResults } from "./probes/probe-results.ts";
export { imageDirectory, imageIds, podStats, removeUnusedImages, usedImages } from "./runtime-usage.ts";
export { RuntimeWatch } from "./runtime-watch.ts";
export {
  type ContainerStatus,
  type PodCondition,
  type PodPhase,
  type PodStatus,
  writtenTime,
} from "./status/types.ts";
export { pendingStatus, unscheduledStatus } from "./status/unscheduled-status.ts";
export { PodWorker, type PodWorkerOptions } from "./worker.ts";
