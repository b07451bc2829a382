import type { StoredPod } from "../objects.ts";
import { hashOf } from "./controller-revisions.ts";
import { resolveShare } from "./deployment-bounds.ts";
import { isAvailable } from "./pods-of.ts";
import type { StatefulSet } from "./stateful-revision.ts";
import type { World } from "./world.ts";

/**
 * Removes pods of the earlier template, the last ones first, as many as may be missing at once: one, unless
 * the set says otherwise (Kubernetes' updateStatefulSetAfterInvariantEstablished).
 */
export async function replaceOld(
  { manifest: { spec } }: StatefulSet,
  names: readonly string[],
  pods: ReadonlyMap<string, StoredPod>,
  hash: string,
  world: World,
): Promise<void> {
  const { rollingUpdate } = spec.updateStrategy ?? {};
  const { maxUnavailable = 1, partition = 0 } = rollingUpdate ?? {};
  const isAway = (pod: StoredPod | undefined) =>
    pod === undefined || !isAvailable(pod, spec.minReadySeconds ?? 0, world);
  const all = names.map((name) => pods.get(name));
  const isOld = (pod: StoredPod | undefined): pod is StoredPod =>
    pod !== undefined && pod.deleting === undefined && hashOf(pod) !== hash;
  const old = all.slice(partition).toReversed().filter(isOld);
  // In no order, those that are no loss go first, however many they are.
  const isParallel = spec.podManagementPolicy === "Parallel";
  const lost = isParallel ? old.filter(isAway) : [];
  for (const pod of lost) await world.remove(pod);
  const most = Math.max(1, resolveShare(maxUnavailable, names.length, Math.floor));
  const left = Math.max(0, most - all.filter(isAway).length);
  for (const pod of old.filter((one) => !lost.includes(one)).slice(0, left)) await world.remove(pod);
}
