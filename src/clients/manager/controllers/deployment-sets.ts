import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject } from "../objects.ts";
import { isAvailable, podsOf } from "./pods-of.ts";
import type { World } from "./world.ts";

export type Deployment = StoredObject<ManifestOf<"Deployment">>;
export type ReplicaSet = StoredObject<ManifestOf<"ReplicaSet">>;

/** Tells the pods and the replica set of one template from those of another. */
export const hashLabel = "pod-template-hash";

export function sizeOf({ manifest }: ReplicaSet): number {
  return manifest.spec.replicas ?? 1;
}

/** Of all of them together. */
export function sizeOfAll(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0);
}

export async function scale(set: ReplicaSet, replicas: number, world: World): Promise<void> {
  if (sizeOf(set) === replicas) return;
  await world.change(set, { ...set.manifest, spec: { ...set.manifest.spec, replicas } });
}

/** How many pods of a set have been ready for as long as it takes. */
export function availableIn(set: ReplicaSet, minReadySeconds: number, world: World): number {
  return podsOf(set, world).filter((pod) => isAvailable(pod, minReadySeconds, world)).length;
}
