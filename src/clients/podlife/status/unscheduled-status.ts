import type { PodSpec } from "../../manifests/index.ts";
import { qosClass } from "../../podspec/index.ts";
import { type PodCondition, type PodStatus, writtenTime } from "./types.ts";

/** The status of a pod that does not fit; `before` itself if nothing has changed. */
export function unscheduledStatus(
  spec: PodSpec,
  message: string,
  nowNs: bigint,
  before: PodStatus | undefined,
): PodStatus {
  const [condition] = before?.conditions ?? [];
  if (before !== undefined && condition?.message === message) return before;
  return pendingStatus(spec, [
    {
      type: "PodScheduled",
      status: "False",
      lastTransitionTime: condition?.lastTransitionTime ?? writtenTime(nowNs),
      reason: "Unschedulable",
      message,
    },
  ]);
}

/** The status of a pod that was not started yet. */
export function pendingStatus(spec: PodSpec, conditions: readonly PodCondition[]): PodStatus {
  return {
    phase: "Pending",
    conditions,
    podIPs: [],
    qosClass: qosClass(spec),
    initContainerStatuses: [],
    containerStatuses: [],
  };
}
