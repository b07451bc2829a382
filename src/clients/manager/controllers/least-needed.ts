import type { StoredPod } from "../objects.ts";
import { readySinceNs } from "./pods-of.ts";
import type { World } from "./world.ts";

/** How much it costs to remove a pod, beside others of its set; of Kubernetes. */
const costAnnotation = "controller.kubernetes.io/pod-deletion-cost";

/**
 * Pods of one set, those first that are missed least: what waits, does not run or is not ready, costs least,
 * has been ready for the shortest time, was restarted most, and is the youngest (Kubernetes'
 * ActivePodsWithRanks).
 */
export function leastNeeded(pods: readonly StoredPod[], world: World): readonly StoredPod[] {
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, world) }));
  ranked.sort((one, other) => compare(one.rank, other.rank));
  return ranked.map(({ pod }) => pod);
}

/** Its parts by their weight: the least is missed least. */
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
