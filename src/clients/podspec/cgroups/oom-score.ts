import type { Container, PodSpec } from "../../manifests/index.ts";
import { containerRequests } from "./pod-requests.ts";
import { qosClass } from "./qos-class.ts";

const guaranteed = -997;
const bestEffort = 1000;

/**
 * The OOM score adjustment, by a kubelet's formula
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior):
 * the kernel kills containers later that request a larger part of the machine's memory.
 */
export function oomScoreAdjustment(spec: PodSpec, container: Container, machineMemoryBytes: number): number {
  const qos = qosClass(spec);
  if (qos === "Guaranteed") return guaranteed;
  if (qos === "BestEffort") return bestEffort;
  const requested = (one: Container) => containerRequests(one).memory ?? 0;
  // A sidecar must not be killed before the containers that it serves.
  const leastOfOthers = Math.min(...spec.containers.map(requested));
  const isSidecar = spec.initContainers?.includes(container) === true && container.restartPolicy === "Always";
  const bytes = Math.max(requested(container), isSidecar ? leastOfOthers : 0);
  const score = 1000 - Math.floor((1000 * bytes) / machineMemoryBytes);
  return Math.min(bestEffort - 1, Math.max(1000 + guaranteed, score));
}
