import { type Pod, qosClass } from "../../podspec/index.ts";
import { isSidecar } from "../restart-policy.ts";
import {
  type ContainerStatus,
  type PodCondition,
  type PodConditionType,
  type PodPhase,
  type PodStatus,
  writtenTime,
} from "./types.ts";

export type PodFacts = {
  readonly pod: Pod;
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses: readonly ContainerStatus[];
  readonly initialized: boolean;
  readonly sandboxReady: boolean;
  /** Whether nothing of it will run again. */
  readonly ended: boolean;
  /** Why it was failed from outside. */
  readonly failed:
    | { readonly reason: string; readonly message: string; readonly disrupted: boolean }
    | undefined;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly nowNs: bigint;
  /** The previous status, for the times of transitions. */
  readonly before: PodStatus | undefined;
};

/** The status of a pod in Kubernetes' form. */
export function podStatus(facts: PodFacts): PodStatus {
  const { pod, initContainerStatuses, containerStatuses, failed, podIps, hostIps } = facts;
  const { ephemeralContainerStatuses } = facts;
  const phase = phaseOf(facts);
  return {
    phase,
    ...(failed === undefined ? {} : { reason: failed.reason, message: failed.message }),
    conditions: conditionsOf(facts, phase),
    ...(hostIps[0] === undefined ? {} : { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(podIps[0] === undefined ? {} : { podIP: podIps[0] }),
    podIPs: podIps.map((ip) => ({ ip })),
    startTime: writtenTime(pod.startTimeNs),
    qosClass: qosClass(pod.spec),
    initContainerStatuses,
    containerStatuses: byName(containerStatuses),
    ...(ephemeralContainerStatuses.length === 0
      ? {}
      : { ephemeralContainerStatuses: byName(ephemeralContainerStatuses) }),
  };
}

/** Sorts containers by name, as a kubelet does for those without an order. */
function byName(statuses: readonly ContainerStatus[]): readonly ContainerStatus[] {
  return statuses.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Whether a pod was evicted because the machine lacks a resource, or because it uses too much of one. */
export function isEvicted({ reason }: PodStatus): boolean {
  return reason === "Evicted";
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
function phaseOf(facts: PodFacts): PodPhase {
  const { pod, initContainerStatuses, containerStatuses, ended, failed } = facts;
  if (failed !== undefined) return "Failed";
  if (ended) {
    const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
    const counted = [
      ...initContainerStatuses.filter(({ name }) => !sidecars.has(name)),
      ...containerStatuses,
    ];
    return counted.every(hasSucceeded) ? "Succeeded" : "Failed";
  }
  const begun = containerStatuses.every(
    ({ state, lastState }) => !("waiting" in state) || lastState.terminated !== undefined,
  );
  return facts.initialized && begun ? "Running" : "Pending";
}

function hasSucceeded({ state }: ContainerStatus): boolean {
  return "terminated" in state && state.terminated.exitCode === 0;
}

function conditionsOf(facts: PodFacts, phase: PodPhase): readonly PodCondition[] {
  const { pod, containerStatuses, initContainerStatuses, initialized, sandboxReady, failed } = facts;
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const serving = [...initContainerStatuses.filter(({ name }) => sidecars.has(name)), ...containerStatuses];
  const unready = serving.filter(({ ready }) => !ready).map(({ name }) => name);
  const over = phase === "Succeeded" || phase === "Failed";
  const notReady = over
    ? { reason: phase === "Succeeded" ? "PodCompleted" : "PodFailed" }
    : { reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
  const containersReady = !over && unready.length === 0;
  const gates = pod.spec.readinessGates ?? [];
  const incomplete = initContainerStatuses
    .filter(({ name, ready, started }) => !(sidecars.has(name) ? started : ready))
    .map(({ name }) => name);
  const closed = gates.map(
    ({ conditionType }) =>
      `corresponding condition of pod readiness gate ${JSON.stringify(conditionType)} does not exist.`,
  );
  return [
    condition(facts, "PodReadyToStartContainers", sandboxReady, { reason: "PodSandboxNotReady" }),
    condition(
      facts,
      "Initialized",
      initialized,
      {
        reason: "ContainersNotInitialized",
        message: `containers with incomplete status: [${incomplete.join(" ")}]`,
      },
      phase === "Succeeded" ? "PodCompleted" : undefined,
    ),
    condition(
      facts,
      "Ready",
      containersReady && gates.length === 0,
      containersReady ? { reason: "ReadinessGatesNotReady", message: closed.join(", ") } : notReady,
    ),
    condition(facts, "ContainersReady", containersReady, notReady),
    condition(facts, "PodScheduled", true),
    ...(failed?.disrupted === true
      ? [
          {
            ...condition(facts, "DisruptionTarget", true, undefined, "TerminationByKubelet"),
            message: failed.message,
          },
        ]
      : []),
  ];
}

function condition(
  { before, nowNs }: PodFacts,
  type: PodConditionType,
  holds: boolean,
  whyNot?: { readonly reason: string; readonly message?: string },
  why?: string,
): PodCondition {
  const status = holds ? "True" : "False";
  const earlier = before?.conditions.find((one) => one.type === type);
  const lastTransitionTime = earlier?.status === status ? earlier.lastTransitionTime : writtenTime(nowNs);
  const reason = why === undefined ? {} : { reason: why };
  return { type, status, lastTransitionTime, ...(holds ? reason : whyNot) };
}
