import type { Manifest } from "../../manifests/index.ts";
import { isOfKind } from "../objects.ts";
import type { StatefulOrdinals } from "./stateful-ordinals.ts";
import type { StatefulSet } from "./stateful-revision.ts";
import type { World } from "./world.ts";

/** The name of a pod's claim from a template. */
export function claimName(template: string, pod: string): string {
  return `${template}-${pod}`;
}

/**
 * Creates a pod's claims. Existing ones, such as those of an earlier set of that name, belong to the set from
 * now on.
 */
export async function makeClaims(set: StatefulSet, pod: string, world: World): Promise<void> {
  const { metadata, spec } = set.manifest;
  for (const template of spec.volumeClaimTemplates ?? []) {
    const name = claimName(template.metadata.name ?? "", pod);
    const { namespace } = metadata;
    const there = world.find({ kind: "PersistentVolumeClaim", namespace, name });
    if (there !== undefined) {
      if (there.owner !== set.uid) await world.adopt(there, set);
      continue;
    }
    const claim: Manifest = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name,
        namespace,
        labels: template.metadata.labels ?? {},
        annotations: {},
      },
      spec: template.spec,
    };
    await world.create(claim, set);
  }
}

/** Removes the claims of pods that are gone, if the policy says so. */
export async function removeClaimsOfGone(
  set: StatefulSet,
  ordinals: StatefulOrdinals,
  world: World,
): Promise<void> {
  if (set.manifest.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== "Delete") return;
  for (const claim of world.owned(set))
    if (
      isOfKind(claim, "PersistentVolumeClaim") &&
      ordinals.indexOf(claim.manifest.metadata.name) === undefined
    )
      await world.remove(claim);
}
