import type { StoredPod } from "../objects.ts";
import { type Revision, revisionIdOf } from "./controller-revisions.ts";
import { resolveShare } from "./deployment-bounds.ts";
import { isAvailable } from "./pods-of.ts";
import type { StatefulOrdinals } from "./stateful-ordinals.ts";
import type { StatefulSet } from "./stateful-revision.ts";
import type { World } from "./world.ts";

/**
 * Removes pods with the earlier template, the last ones first, as many as may be unavailable at once: one,
 * unless the set says otherwise (Kubernetes' updateStatefulSetAfterInvariantEstablished).
 */
export async function replaceOld(
  { manifest: { spec } }: StatefulSet,
  ordinals: StatefulOrdinals,
  pods: ReadonlyMap<string, StoredPod>,
  newest: Revision,
  world: World,
): Promise<void> {
  const { rollingUpdate } = spec.updateStrategy ?? {};
  const { maxUnavailable = 1, partition = 0 } = rollingUpdate ?? {};
  const isAway = (pod: StoredPod) => !isAvailable(pod, spec.minReadySeconds ?? 0, world);
  const there = [...pods.values()].map((pod) => ({
    pod,
    index: ordinals.indexOf(pod.manifest.metadata.name) ?? -1,
  }));
  const old = there
    .filter(
      ({ pod, index }) => index >= partition && pod.deleting === undefined && revisionIdOf(pod) !== newest.id,
    )
    .toSorted((one, other) => other.index - one.index)
    .map(({ pod }) => pod);
  // With parallel management, all unavailable pods are removed first.
  const isParallel = spec.podManagementPolicy === "Parallel";
  const lost = isParallel ? old.filter(isAway) : [];
  for (const pod of lost) await world.remove(pod);
  const most = Math.max(1, resolveShare(maxUnavailable, ordinals.count, Math.floor));
  const away = ordinals.count - there.filter(({ pod }) => !isAway(pod)).length;
  const left = Math.max(0, most - away);
  for (const pod of old.filter((one) => !lost.includes(one)).slice(0, left)) await world.remove(pod);
}
