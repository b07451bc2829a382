import type { ManifestOf } from "../manifests/index.ts";
import { claimNameOf } from "../podspec/index.ts";
import { ManagerError } from "./errors.ts";
import type { ObjectStore } from "./object-store.ts";
import type { StoredPod } from "./objects.ts";

/**
 * The claims of a pod's own (`ephemeral` volumes) that do not exist yet; they are removed with the pod.
 * Throws ManagerError AlreadyExists if another claim has such a name: its data does not belong to the pod.
 */
export function missingClaims(
  { uid, manifest: { metadata, spec } }: StoredPod,
  store: ObjectStore,
): readonly ManifestOf<"PersistentVolumeClaim">[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(volume, metadata.name);
    if (volume.ephemeral === undefined || name === undefined) return [];
    const there = store.getOf("PersistentVolumeClaim", metadata.namespace, name);
    if (there?.owner === uid) return [];
    if (there !== undefined)
      throw new ManagerError(
        "AlreadyExists",
        `PersistentVolumeClaim ${metadata.namespace}/${name} was not created for the pod`,
      );
    return [
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name, namespace: metadata.namespace, labels: {}, annotations: {} },
        spec: volume.ephemeral.volumeClaimTemplate.spec,
      },
    ];
  });
}
