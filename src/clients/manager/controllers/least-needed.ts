import type { StoredPod } from "../objects.ts";
import { readySinceNs } from "./pods-of.ts";
import type { World } from "./world.ts";

/** The cost of removing a pod in comparison with others of its set; from Kubernetes. */
const costAnnotation = "controller.kubernetes.io/pod-deletion-cost";

/**
 * Sorts the pods of a set so that the least needed come first: pending, not running or not ready, lowest
 * deletion cost, ready for the shortest time, most restarts, youngest (Kubernetes' ActivePodsWithRanks).
 */
export function leastNeeded(pods: readonly StoredPod[], world: World): readonly StoredPod[] {
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, world) }));
  ranked.sort((one, other) => compare(one.rank, other.rank));
  return ranked.map(({ pod }) => pod);
}

/** The sort key of a pod, most significant part first; pods with the lowest are removed first. */
function rankOf(pod: StoredPod, world: World): readonly number[] {
  const status = world.podStatus(pod);
  const since = readySinceNs(pod, world);
  const restarts = (status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return [
    pod.scheduledAtNs === undefined ? 0 : 1,
    status?.phase === "Running" ? 1 : 0,
    since === undefined ? 0 : 1,
    Number(pod.manifest.metadata.annotations[costAnnotation] ?? 0) || 0,
    since === undefined ? 0 : -Number(since),
    -Math.max(0, ...restarts),
    -Number(pod.createdAtNs),
  ];
}

function compare(one: readonly number[], other: readonly number[]): number {
  const differs = one.findIndex((part, index) => part !== other[index]);
  return differs === -1 ? 0 : (one[differs] ?? 0) - (other[differs] ?? 0);
}
