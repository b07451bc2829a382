import type { ManifestOf, PodTemplate } from "../../manifests/index.ts";
import { isOfKind, type StoredObject, type StoredPod } from "../objects.ts";
import { podsOf } from "./pods-of.ts";
import { collisionSalt, freeCollisionCount, templateHash } from "./template-hash.ts";
import type { World } from "./world.ts";

export type ControllerRevision = StoredObject<ManifestOf<"ControllerRevision">>;

/** A set that stores its templates as controller revisions. */
export type RevisionedSet = StoredObject<ManifestOf<"StatefulSet"> | ManifestOf<"DaemonSet">>;

/** Label with the hash of the template, on pods and revisions. */
export const hashLabel = "controller-revision-hash";

/** A template of pods. */
export type Revision = { readonly hash: string; readonly template: PodTemplate };

const defaultLimit = 10;

export function hashOf({ manifest }: StoredPod | ControllerRevision): string | undefined {
  return manifest.metadata.labels[hashLabel];
}

export function templateOf({ manifest }: ControllerRevision): PodTemplate {
  return manifest.data.spec.template;
}

export function newestRevisionFirst(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return revisions.toSorted((one, other) => other.manifest.revision - one.manifest.revision);
}

/** The stored revisions of a set, newest first. */
export function revisionsOf(set: StoredObject, world: World): readonly ControllerRevision[] {
  const kept = world
    .owned(set)
    .filter((one) => isOfKind(one, "ControllerRevision"))
    .filter(({ deleting }) => deleting === undefined);
  return newestRevisionFirst(kept);
}

/**
 * Stores a set's template as its newest revision, and keeps as many revisions without pods as the set says
 * (Kubernetes' pkg/controller/history). Returns its collisionCount.
 */
export async function keepRevision(
  set: RevisionedSet,
  { hash, template }: Revision,
  inUse: readonly string[],
  world: World,
): Promise<number> {
  const revisions = revisionsOf(set, world);
  const [newest] = revisions;
  const kept = revisions.find((one) => hashOf(one) === hash);
  const revision = 1 + (newest?.manifest.revision ?? 0);
  const collisions = kept === undefined ? freeName(set, template, world) : collisionsOf(set);
  if (kept === undefined)
    await world.create(revisionManifest(set, { hash, template }, { revision, collisions }), set);
  // A revision that is restored becomes the newest again.
  else if (kept !== newest) await world.change(kept, ({ manifest }) => ({ ...manifest, revision }));
  const used = new Set([hash, ...inUse, ...podsOf(set, world).map(hashOf)]);
  const unused = revisions.filter((one) => !used.has(hashOf(one)));
  for (const one of unused.slice(set.manifest.spec.revisionHistoryLimit ?? defaultLimit))
    await world.remove(one);
  return collisions;
}

function collisionsOf({ status }: RevisionedSet): number {
  return Number(status?.collisionCount ?? 0);
}

/**
 * The first collisionCount that gives a revision a name that no object has: also none of the set's own, whose
 * label a user may have changed.
 */
function freeName(set: RevisionedSet, template: PodTemplate, world: World): number {
  const { namespace } = set.manifest.metadata;
  return freeCollisionCount(collisionsOf(set), (collisions) => {
    const name = nameAfter(set, template, collisions);
    return world.find({ kind: "ControllerRevision", namespace, name }) !== undefined;
  });
}

/** Its uid is part of it, since a set of another kind may have its name and template. */
function nameAfter(
  { uid, manifest: { metadata } }: RevisionedSet,
  template: PodTemplate,
  collisions: number,
): string {
  return `${metadata.name.slice(0, 240)}-${templateHash(template, uid + collisionSalt(collisions))}`;
}

function revisionManifest(
  set: RevisionedSet,
  { hash, template }: Revision,
  { revision, collisions }: { readonly revision: number; readonly collisions: number },
): ManifestOf<"ControllerRevision"> {
  const { metadata } = set.manifest;
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: nameAfter(set, template, collisions),
      namespace: metadata.namespace,
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      annotations: metadata.annotations,
    },
    revision,
    data: { spec: { template } },
  };
}
