import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject } from "../objects.ts";
import { leastNeeded } from "./least-needed.ts";
import { generatedName, hasEnded, isAvailable, isReady, mostPodsAtOnce, podsOf } from "./pods-of.ts";
import { podOf, type World } from "./world.ts";

type ReplicaSet = StoredObject<ManifestOf<"ReplicaSet">>;

/** Keeps the requested number of running pods; ended ones are replaced. */
export async function reconcileReplicaSet(set: ReplicaSet, world: World): Promise<void> {
  const { metadata, spec } = set.manifest;
  const { replicas = 1, minReadySeconds = 0 } = spec;
  const pods = podsOf(set, world).filter(({ deleting }) => deleting === undefined);
  const [ended, active] = [
    pods.filter((pod) => hasEnded(pod, world)),
    pods.filter((pod) => !hasEnded(pod, world)),
  ];
  for (const pod of ended) await world.remove(pod);
  for (let count = Math.min(mostPodsAtOnce, replicas - active.length); count > 0; count--)
    await world.create(podOf(set, spec.template, generatedName(metadata.name)), set);
  for (const pod of leastNeeded(active, world).slice(0, Math.max(0, active.length - replicas)))
    await world.remove(pod);
  await world.setStatus(set, {
    replicas: active.length,
    readyReplicas: active.filter((pod) => isReady(pod, world)).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, world)).length,
    observedGeneration: set.generation,
  });
}
