import type { PodSpec } from "../../manifests/index.ts";
import { qosClass } from "../../podspec/index.ts";
import { type PodStatus, writtenTime } from "./types.ts";

/** The status of a pod that there is no room for; `before` itself where nothing has changed. */
export function unscheduledStatus(
  spec: PodSpec,
  message: string,
  nowNs: bigint,
  before: PodStatus | undefined,
): PodStatus {
  const [condition] = before?.conditions ?? [];
  if (before !== undefined && condition?.message === message) return before;
  return {
    phase: "Pending",
    conditions: [
      {
        type: "PodScheduled",
        status: "False",
        lastTransitionTime: condition?.lastTransitionTime ?? writtenTime(nowNs),
        reason: "Unschedulable",
        message,
      },
    ],
    podIPs: [],
    qosClass: qosClass(spec),
    initContainerStatuses: [],
    containerStatuses: [],
  };
}
