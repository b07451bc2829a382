import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject, StoredPod } from "../objects.ts";
import { idOf, type Revision, revisionIdOf, revisionsOf, templateOf } from "./controller-revisions.ts";
import { isReady } from "./pods-of.ts";
import type { StatefulOrdinals } from "./stateful-ordinals.ts";
import type { World } from "./world.ts";

export type StatefulSet = StoredObject<ManifestOf<"StatefulSet">>;

/** The revision that all pods had before the last change; the new one once all pods have it and are ready. */
export function currentRevision(
  set: StatefulSet,
  pods: ReadonlyMap<string, StoredPod>,
  ordinals: StatefulOrdinals,
  newest: Revision,
  world: World,
): Revision {
  const isDone = ordinals.places().every(({ name }) => {
    const pod = pods.get(name);
    return pod !== undefined && revisionIdOf(pod) === newest.id && isReady(pod, world);
  });
  const told = set.status?.currentRevision;
  const kept = isDone ? undefined : revisionsOf(set, world).find((one) => idOf(one) === told);
  return kept === undefined ? newest : { id: idOf(kept), template: templateOf(kept) };
}

/**
 * How many of the first pods have the earlier template: those below the partition, and those that have not
 * been updated yet.
 */
export function countOfCurrent(
  { manifest: { spec } }: StatefulSet,
  pods: readonly StoredPod[],
  current: Revision,
): number {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === "OnDelete") return 0;
  // Kubernetes fills in a partition of 0 unless the strategy has its type and nothing else.
  if (type === undefined || rollingUpdate !== undefined) return rollingUpdate?.partition ?? 0;
  return pods.filter((pod) => revisionIdOf(pod) === current.id).length;
}
