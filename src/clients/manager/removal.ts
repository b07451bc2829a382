import { claimNameOf } from "../podspec/index.ts";
import type { ObjectStore } from "./object-store.ts";
import { isOfKind, type StoredObject, type StoredPod } from "./objects.ts";

/**
 * Begins to remove what is removed with an object. Returns whether nothing of that is left, so that the
 * object itself can be removed.
 */
export async function stepOfRemoval(
  object: StoredObject,
  deleting: NonNullable<StoredObject["deleting"]>,
  store: ObjectStore,
): Promise<boolean> {
  const dependents = store.list().filter((one) => goesWith(one, object));
  const { graceSeconds } = deleting;
  for (const one of dependents)
    await store.beginRemoval(one, graceSeconds === undefined ? {} : { graceSeconds });
  if (isOfKind(object, "PersistentVolumeClaim") && usersOf(object, store).length > 0) return false;
  return dependents.length === 0;
}

function goesWith(one: StoredObject, object: StoredObject): boolean {
  if (isOfKind(object, "Namespace")) return one.manifest.metadata.namespace === object.manifest.metadata.name;
  if (one.owner !== object.uid) return false;
  if (!isOfKind(object, "StatefulSet") || !isOfKind(one, "PersistentVolumeClaim")) return true;
  // Data outlives its user, unless the policy says otherwise.
  return object.manifest.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === "Delete";
}

/**
 * The pods that use a claim, except those that wait for a claim of their own with that name, or to be
 * scheduled.
 */
export function usersOf(claim: StoredObject, store: ObjectStore): readonly StoredPod[] {
  const { name, namespace } = claim.manifest.metadata;
  return store
    .listOf("Pod")
    .filter(
      ({ uid, scheduledAtNs, manifest: { metadata, spec } }) =>
        scheduledAtNs !== undefined &&
        metadata.namespace === namespace &&
        (spec.volumes ?? []).some(
          (volume) =>
            claimNameOf(volume, metadata.name) === name &&
            (volume.ephemeral === undefined || claim.owner === uid),
        ),
    );
}
