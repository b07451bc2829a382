import { isDeepStrictEqual } from "node:util";
import type { ManifestOf, PodTemplate } from "../../manifests/index.ts";
import { isOfKind, type StoredObject, type StoredPod } from "../objects.ts";
import { podsOf } from "./pods-of.ts";
import { collisionSalt, freeCollisionCount, templateHash } from "./template-hash.ts";
import type { World } from "./world.ts";

export type ControllerRevision = StoredObject<ManifestOf<"ControllerRevision">>;

/** A set that stores its templates as controller revisions. */
export type RevisionedSet = StoredObject<ManifestOf<"StatefulSet"> | ManifestOf<"DaemonSet">>;

/** Label of pods with the id of their revision. */
export const revisionLabel = "controller-revision-hash";

/** Label of a StatefulSet's revisions with the hash in their names. */
const hashLabel = "controller.kubernetes.io/hash";

/**
 * A template of pods. As in Kubernetes, its id is the name of its revision (`db-5d4f8c7b69`), or, of a
 * DaemonSet, the hash in that name.
 */
export type Revision = { readonly id: string; readonly template: PodTemplate };

const defaultLimit = 10;

/** The id of a pod's revision. */
export function revisionIdOf({ manifest }: StoredPod): string | undefined {
  return manifest.metadata.labels[revisionLabel];
}

/** The id of a stored revision. */
export function idOf({ manifest }: Pick<ControllerRevision, "manifest">): string {
  const { labels, name } = manifest.metadata;
  return labels[revisionLabel] ?? name;
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

/** Stores a set's template as its newest revision (Kubernetes' pkg/controller/history). */
export async function keepRevision(
  set: RevisionedSet,
  world: World,
): Promise<{ readonly newest: Revision; readonly collisionCount: number }> {
  const { template } = set.manifest.spec;
  const revisions = revisionsOf(set, world);
  const [last] = revisions;
  const revision = 1 + (last?.manifest.revision ?? 0);
  const kept = revisions.find((one) => isDeepStrictEqual(templateOf(one), template));
  if (kept !== undefined) {
    // A revision that is restored becomes the newest again.
    if (kept !== last) await world.change(kept, ({ manifest }) => ({ ...manifest, revision }));
    return { newest: { id: idOf(kept), template }, collisionCount: collisionsOf(set) };
  }
  const collisionCount = freeName(set, world);
  const manifest = revisionManifest(set, revision, collisionCount);
  await world.create(manifest, set);
  return { newest: { id: idOf({ manifest }), template }, collisionCount };
}

/** Removes the oldest revisions that no pod has, beyond the number that the set keeps. */
export async function forgetRevisions(
  set: RevisionedSet,
  inUse: readonly Revision[],
  world: World,
): Promise<void> {
  const used = new Set([...inUse.map(({ id }) => id), ...podsOf(set, world).map(revisionIdOf)]);
  const unused = revisionsOf(set, world).filter((one) => !used.has(idOf(one)));
  for (const one of unused.slice(set.manifest.spec.revisionHistoryLimit ?? defaultLimit))
    await world.remove(one);
}

function collisionsOf({ status }: RevisionedSet): number {
  return Number(status?.collisionCount ?? 0);
}

/** The first collisionCount that gives a revision a name that no object has. */
function freeName(set: RevisionedSet, world: World): number {
  const { namespace } = set.manifest.metadata;
  return freeCollisionCount(collisionsOf(set), (collisions) => {
    const name = nameWith(set, hashAfter(set, collisions));
    return world.find({ kind: "ControllerRevision", namespace, name }) !== undefined;
  });
}

/** The uid is part of it, since a set of another kind may have the same name and template. */
function hashAfter({ uid, manifest }: RevisionedSet, collisions: number): string {
  return templateHash(manifest.spec.template, uid + collisionSalt(collisions));
}

/** So short that it can be the value of a label. */
function nameWith({ manifest: { metadata } }: RevisionedSet, hash: string): string {
  let base = metadata.name.slice(0, 52);
  while (base.endsWith("-") || base.endsWith(".")) base = base.slice(0, -1);
  return `${base}-${hash}`;
}

function revisionManifest(
  set: RevisionedSet,
  revision: number,
  collisions: number,
): ManifestOf<"ControllerRevision"> {
  const { kind, metadata, spec } = set.manifest;
  const hash = hashAfter(set, collisions);
  const { [revisionLabel]: _, ...labels } = spec.template.metadata?.labels ?? {};
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: nameWith(set, hash),
      namespace: metadata.namespace,
      labels: { ...labels, [kind === "DaemonSet" ? revisionLabel : hashLabel]: hash },
      annotations: metadata.annotations,
    },
    revision,
    data: { spec: { template: spec.template } },
  };
}
