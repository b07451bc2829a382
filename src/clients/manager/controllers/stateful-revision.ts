import type { ManifestOf, PodTemplate } from "../../manifests/index.ts";
import type { StoredObject, StoredPod } from "../objects.ts";
import { isReady } from "./pods-of.ts";
import type { World } from "./world.ts";

export type StatefulSet = StoredObject<ManifestOf<"StatefulSet">>;

/** Tells pods of one template from those of another. */
export const hashLabel = "controller-revision-hash";

/** A template that pods are made of. */
export type Revision = { readonly hash: string; readonly template: PodTemplate };

/** What the status of a set keeps of it. */
export type KeptRevision = { readonly currentRevision?: string; readonly currentTemplate?: PodTemplate };

/** That of which all pods were before the last change; this one's once all are of it and ready. */
export function currentRevision(
  { status, manifest: { spec } }: StatefulSet,
  pods: ReadonlyMap<string, StoredPod>,
  names: readonly string[],
  hash: string,
  world: World,
): Revision {
  const { currentRevision: kept, currentTemplate } = (status ?? {}) as KeptRevision;
  const isDone = names.every((name) => {
    const pod = pods.get(name);
    return pod !== undefined && revisionOf(pod) === hash && isReady(pod, world);
  });
  if (isDone || kept === undefined || currentTemplate === undefined) return { hash, template: spec.template };
  return { hash: kept, template: currentTemplate };
}

/**
 * How many of the first pods are made of the earlier template: those below the partition, and those that have
 * not had their turn.
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
  return pods.filter((pod) => revisionOf(pod) === current.hash).length;
}

export function revisionOf({ manifest }: StoredPod): string | undefined {
  return manifest.metadata.labels[hashLabel];
}

/** The number at the end of a pod's name. */
export function ordinalOf({ manifest: { metadata } }: StoredPod): number {
  return Number(metadata.name.slice(metadata.name.lastIndexOf("-") + 1));
}
