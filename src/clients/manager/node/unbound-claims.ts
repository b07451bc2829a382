import type { ObjectStore } from "../object-store.ts";
import type { StoredPod } from "../objects.ts";

/**
 * Why a pod cannot be scheduled because of its claims, with the text of Kubernetes' scheduler
 * (VolumeBinding); undefined if all are there. The pod's own ones are created for it.
 */
export function whyNotBound(
  { manifest: { metadata, spec } }: StoredPod,
  store: Pick<ObjectStore, "getOf">,
): string | undefined {
  for (const { persistentVolumeClaim } of spec.volumes ?? []) {
    if (persistentVolumeClaim === undefined) continue;
    const { claimName } = persistentVolumeClaim;
    const claim = store.getOf("PersistentVolumeClaim", metadata.namespace, claimName);
    if (claim !== undefined && claim.deleting === undefined) continue;
    const why = claim === undefined ? "not found" : "is being deleted";
    return `0/1 nodes are available: persistentvolumeclaim ${JSON.stringify(claimName)} ${why}.`;
  }
  return undefined;
}
