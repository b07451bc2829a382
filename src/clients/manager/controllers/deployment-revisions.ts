import { isDeepStrictEqual } from "node:util";
import type { ManifestOf, PodTemplate } from "../../manifests/index.ts";
import { isOfKind } from "../objects.ts";
import { toldStatus } from "./deployment-conditions.ts";
import {
  type Deployment,
  hashLabel,
  type ReplicaSet,
  sizeAnnotations,
  sizeAnnotationsOf,
  sizeOf,
} from "./deployment-sets.ts";
import { podsOf } from "./pods-of.ts";
import { collisionSalt, freeCollisionCount, templateHash } from "./template-hash.ts";
import type { World } from "./world.ts";

export const revisionAnnotation = "deployment.kubernetes.io/revision";

/** Annotations of a deployment that its sets do not get. */
const ownAnnotations = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  "deployment.kubernetes.io/revision-history",
  ...sizeAnnotations,
]);

/** The number of a deployment's template, from 1. */
export function revisionOf({ manifest }: ReplicaSet): number {
  return Number(manifest.metadata.annotations[revisionAnnotation] ?? 0);
}

export function newestFirst(sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return sets.toSorted((one, other) => revisionOf(other) - revisionOf(one));
}

/** The revision for the current set, given the old ones. */
export function nextRevision(old: readonly ReplicaSet[]): number {
  return 1 + Math.max(0, ...old.map(revisionOf));
}

function annotationsOf(deployment: Deployment, revision: number): Readonly<Record<string, string>> {
  return {
    ...sharedAnnotations(deployment.manifest.metadata.annotations),
    ...sizeAnnotationsOf(deployment),
    [revisionAnnotation]: String(revision),
  };
}

function sharedAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !ownAnnotations.has(key)));
}

/** Name of the set of a template. */
export function setName({ manifest: { metadata } }: Deployment, hash: string): string {
  return `${metadata.name.slice(0, 240)}-${hash}`;
}

/** The template of a set without the label that tells its pods from those of other sets. */
export function templateOf({ manifest: { spec } }: ReplicaSet): PodTemplate {
  return withoutHash(spec.template);
}

function withoutHash(template: PodTemplate): PodTemplate {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/**
 * Whether a set is of the deployment's current template. That may have the label of sets too, copied from a
 * pod: it does not count, as in Kubernetes.
 */
export function isOfCurrentTemplate(set: ReplicaSet, { manifest: { spec } }: Deployment): boolean {
  return isDeepStrictEqual(templateOf(set), withoutHash(spec.template));
}

/**
 * The hash in the name of the set for a deployment's current template, and after how many collisions: names
 * of sets of others are evaded, also those that a user has applied, and of own sets whose template a user has
 * changed.
 */
export function nextSet(
  deployment: Deployment,
  world: World,
): { readonly hash: string; readonly collisionCount: number } {
  const { template } = deployment.manifest.spec;
  const hashAfter = (collisions: number) => templateHash(template, collisionSalt(collisions));
  const isTaken = (collisions: number) => {
    const { namespace } = deployment.manifest.metadata;
    const name = setName(deployment, hashAfter(collisions));
    const set = world.find({ kind: "ReplicaSet", namespace, name });
    if (set === undefined || !isOfKind(set, "ReplicaSet")) return false;
    return set.owner !== deployment.uid || !isOfCurrentTemplate(set, deployment);
  };
  const collisionCount = freeCollisionCount(toldStatus(deployment)?.collisionCount, isTaken);
  return { hash: hashAfter(collisionCount), collisionCount };
}

/** The set for a deployment's current template. */
export function replicaSetOf(
  deployment: Deployment,
  {
    hash,
    replicas,
    revision,
  }: { readonly hash: string; readonly replicas: number; readonly revision: number },
): ManifestOf<"ReplicaSet"> {
  const { metadata, spec } = deployment.manifest;
  const own = { [hashLabel]: hash };
  const { template, selector, minReadySeconds } = spec;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: setName(deployment, hash),
      namespace: metadata.namespace,
      labels: { ...template.metadata?.labels, ...own },
      annotations: annotationsOf(deployment, revision),
    },
    spec: {
      replicas,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...own } },
      template: {
        ...template,
        metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...own } },
      },
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
    },
  };
}

/** The current set with the annotations from its deployment; undefined if it already has them. */
export function kept(
  deployment: Deployment,
  set: ReplicaSet,
  leastRevision: number,
): ManifestOf<"ReplicaSet"> | undefined {
  const { metadata, spec } = set.manifest;
  const { minReadySeconds = 0 } = deployment.manifest.spec;
  const annotations = annotationsOf(deployment, Math.max(revisionOf(set), leastRevision));
  const isSame =
    (spec.minReadySeconds ?? 0) === minReadySeconds &&
    Object.keys(annotations).length === Object.keys(metadata.annotations).length &&
    Object.entries(annotations).every(([key, value]) => metadata.annotations[key] === value);
  if (isSame) return undefined;
  return { ...set.manifest, metadata: { ...metadata, annotations }, spec: { ...spec, minReadySeconds } };
}

/** Removes the oldest sets without pods, beyond the number that the deployment keeps. */
export async function cleanUpRevisions(
  { manifest: { spec } }: Deployment,
  old: readonly ReplicaSet[],
  world: World,
): Promise<void> {
  for (const set of newestFirst(old).slice(spec.revisionHistoryLimit ?? 10))
    if (sizeOf(set) === 0 && podsOf(set, world).length === 0) await world.remove(set);
}

/** A deployment as of a revision, 0 for the previous one. Undefined if there is no such revision. */
export function atRevision(
  { manifest }: Deployment,
  sets: readonly ReplicaSet[],
  revision: number,
): { readonly manifest: ManifestOf<"Deployment">; readonly revision: number } | undefined {
  const ordered = newestFirst(sets);
  const set = revision === 0 ? ordered[1] : ordered.find((one) => revisionOf(one) === revision);
  if (set === undefined) return undefined;
  const { annotations } = manifest.metadata;
  const own = Object.entries(annotations).filter(([key]) => ownAnnotations.has(key));
  return {
    revision: revisionOf(set),
    manifest: {
      ...manifest,
      // The annotations include the cause of the change.
      metadata: {
        ...manifest.metadata,
        annotations: {
          ...Object.fromEntries(own),
          ...sharedAnnotations(set.manifest.metadata.annotations),
        },
      },
      spec: { ...manifest.spec, template: templateOf(set) },
    },
  };
}
