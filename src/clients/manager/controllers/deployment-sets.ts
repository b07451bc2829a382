import { isDeepStrictEqual } from "node:util";
import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject } from "../objects.ts";
import { boundsOf } from "./deployment-bounds.ts";
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

/** As in Kubernetes: what a deployment asked for, and might have during a rollout, when its set was sized. */
const replicasAnnotation = "deployment.kubernetes.io/desired-replicas";
const mostAnnotation = "deployment.kubernetes.io/max-replicas";

export const sizeAnnotations: readonly string[] = [replicasAnnotation, mostAnnotation];

/** Undefined where nobody has kept it. */
export function sizedFor({
  manifest: { metadata },
}: ReplicaSet): { readonly replicas: number; readonly most: number } | undefined {
  const { [replicasAnnotation]: replicas, [mostAnnotation]: most } = metadata.annotations;
  return replicas === undefined ? undefined : { replicas: Number(replicas), most: Number(most ?? 0) };
}

export function sizeAnnotationsOf(deployment: Deployment): Readonly<Record<string, string>> {
  const { replicas = 1 } = deployment.manifest.spec;
  return { [replicasAnnotation]: String(replicas), [mostAnnotation]: String(mostPods(deployment)) };
}

/** How many pods there may be during a rollout. */
export function mostPods({ manifest: { spec } }: Deployment): number {
  return (spec.replicas ?? 1) + boundsOf(spec).surge;
}

/** Gives a set so many pods, for what the deployment asks for now. */
export async function resize(
  deployment: Deployment,
  set: ReplicaSet,
  replicas: number,
  world: World,
): Promise<void> {
  const { metadata, spec } = set.manifest;
  const annotations = { ...metadata.annotations, ...sizeAnnotationsOf(deployment) };
  if (sizeOf(set) === replicas && isDeepStrictEqual(annotations, metadata.annotations)) return;
  await world.change(set, {
    ...set.manifest,
    metadata: { ...metadata, annotations },
    spec: { ...spec, replicas },
  });
}

/** How many pods of a set have been ready for as long as it takes. */
export function availableIn(set: ReplicaSet, minReadySeconds: number, world: World): number {
  return podsOf(set, world).filter((pod) => isAvailable(pod, minReadySeconds, world)).length;
}
