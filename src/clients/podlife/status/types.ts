/**
 * The status of a pod in Kubernetes' form
 * (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus).
 */

import type { QosClass } from "../../podspec/index.ts";

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

export type PodConditionType =
  | "PodScheduled"
  | "PodReadyToStartContainers"
  | "Initialized"
  | "ContainersReady"
  | "Ready"
  | "DisruptionTarget";

export type PodCondition = {
  readonly type: PodConditionType;
  readonly status: "True" | "False";
  readonly lastTransitionTime: string;
  readonly reason?: string;
  readonly message?: string;
};

export type ContainerState =
  | { readonly waiting: { readonly reason: string; readonly message?: string } }
  | { readonly running: { readonly startedAt: string } }
  | { readonly terminated: Terminated };

export type Terminated = {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt?: string;
  readonly finishedAt: string;
  readonly containerID: string;
};

export type ContainerStatus = {
  readonly name: string;
  readonly state: ContainerState;
  readonly lastState: { readonly terminated?: Terminated };
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
  readonly image: string;
  readonly imageID: string;
  readonly containerID?: string;
};

export type PodStatus = {
  readonly phase: PodPhase;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions: readonly PodCondition[];
  readonly hostIP?: string;
  readonly hostIPs?: readonly { readonly ip: string }[];
  readonly podIP?: string;
  readonly podIPs: readonly { readonly ip: string }[];
  /** When it was admitted; absent while it waits. */
  readonly startTime?: string;
  readonly qosClass: QosClass;
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
};

/** The last that RFC 3339 can write: its years have four digits. */
const lastTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * A time of the wire (nanoseconds since 1970) as Kubernetes writes it, in seconds; the last one for those
 * that cannot be written, such as the end of a very long grace period.
 */
export function writtenTime(timeNs: bigint): string {
  const timeMs = Math.min(Number(timeNs / 1_000_000n), lastTimeMs);
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, "Z");
}
