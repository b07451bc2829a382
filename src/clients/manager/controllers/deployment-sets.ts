import { isDeepStrictEqual } from "node:util";
import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject } from "../objects.ts";
import { boundsOf } from "./deployment-bounds.ts";
import { isAvailable, podsOf } from "./pods-of.ts";
import type { World } from "./world.ts";

export type Deployment = StoredObject<ManifestOf<"Deployment">>;
export type ReplicaSet = StoredObject<ManifestOf<"ReplicaSet">>;

/** Label with the hash of the template, on pods and replica sets. */
export const hashLabel = "pod-template-hash";

export function sizeOf({ manifest }: ReplicaSet): number {
  return manifest.spec.replicas ?? 1;
}

/** Number of pods of all sets together. */
export function sizeOfAll(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0);
}

/**
 * As in Kubernetes: the deployment's number of pods, and the maximum during a rollout, when its set was
 * sized.
 */
const replicasAnnotation = "deployment.kubernetes.io/desired-replicas";
const mostAnnotation = "deployment.kubernetes.io/max-replicas";

export const sizeAnnotations: readonly string[] = [replicasAnnotation, mostAnnotation];

/** The recorded number; undefined if there is none. */
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

/** Maximum number of pods during a rollout. */
export function mostPods({ manifest: { spec } }: Deployment): number {
  return (spec.replicas ?? 1) + boundsOf(spec).surge;
}

/** Sets the number of pods of a set, and records the deployment's current number. */
export async function resize(
  deployment: Deployment,
  set: ReplicaSet,
  replicas: number,
  world: World,
): Promise<void> {
  const resized = ({ manifest }: ReplicaSet) => {
    const { metadata, spec } = manifest;
    const annotations = { ...metadata.annotations, ...sizeAnnotationsOf(deployment) };
    return { ...manifest, metadata: { ...metadata, annotations }, spec: { ...spec, replicas } };
  };
  if (sizeOf(set) === replicas && isDeepStrictEqual(resized(set).metadata, set.manifest.metadata)) return;
  await world.change(set, resized);
  if (sizeOf(set) !== replicas)
    tellScaling(deployment, set.manifest.metadata.name, sizeOf(set), replicas, world);
}

/** In Kubernetes' words. */
export function tellScaling(
  deployment: Deployment,
  set: string,
  from: number,
  to: number,
  world: World,
): void {
  const how = to > from ? "up" : "down";
  const message = `Scaled ${how} replica set ${set} from ${from} to ${to}`;
  world.tell(deployment, "Normal", "ScalingReplicaSet", message);
}

/** Number of available pods of a set: those that have been ready for long enough. */
export function availableIn(set: ReplicaSet, minReadySeconds: number, world: World): number {
  return podsOf(set, world).filter((pod) => isAvailable(pod, minReadySeconds, world)).length;
}
