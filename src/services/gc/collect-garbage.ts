import { nowNs } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { LeaseResource, Leases } from "../leases/index.ts";
import type { GarbageNode, GarbageRecord } from "./garbage-node.ts";
import { type CollectedSnapshotter, type Reached, reachable } from "./reachable.ts";

const abandonedAfterMs = 24 * 3_600_000;
/** Label of a lease that holds its resources, but not what they refer to. */
const flatLabel = "containerd.io/gc.flat";

/** The stores of one namespace. */
export type GarbageOptions = {
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly snapshotters: readonly CollectedSnapshotter[];
  /** Called while leases are frozen, so that roots that replace a lease are among them. Must not block. */
  readonly roots: () => Iterable<GarbageNode>;
  /** In the same way: image names and containers. */
  readonly records?: () => readonly GarbageRecord[];
  /** Called with what was reached, for resources in other stores that depend on it. */
  readonly followers?: readonly GarbageFollower[];
};

export type GarbageFollower = (reached: Reached) => Promise<void>;

/** What a collection removed; bytes of snapshots are not counted. */
export type RemovedGarbage = {
  readonly blobs: number;
  readonly blobBytes: number;
  readonly snapshots: number;
  readonly ingests: number;
};

/**
 * Removes everything that no root reaches, and expired leases. No lease changes in the meantime. Tries all
 * removals, then throws the first error; the next collection removes the rest.
 */
export async function collectGarbage(options: GarbageOptions): Promise<RemovedGarbage> {
  const { content, leases, snapshotters } = options;
  const givenUp = await deleteExpired(leases);
  using _frozen = await leases.freeze();
  const listed = leases.list();
  const held = leases.held();
  const leased = listed.flatMap(({ labels, resources }) =>
    resources.filter(isNode).map((node) => ({ ...node, flat: flatLabel in labels })),
  );
  const records = options.records?.() ?? [];
  const reached = reachable(
    options,
    records,
    [...options.roots(), ...leased, ...held.filter(isNode)],
    givenUp.filter(isNode),
  );
  const names = records.map(({ node, expired }) => reached.has(node) || expired?.remove());
  const blobs = content.list().filter(({ digest }) => !reached.has({ kind: "content", digest }));
  // Records first: from here on nobody can find a blob or snapshot that will be removed.
  const removals = blobs.map(({ digest }) => deleteBlob(content, digest));
  const snapshots = snapshotters.map((snapshotter) => removeSnapshots(snapshotter, reached));
  const ingests = abortAbandoned(content, [...held, ...listed.flatMap(({ resources }) => resources)]);
  const followed = (options.followers ?? []).map((follow) => follow(reached));
  const outcomes = await Promise.allSettled([...names, ...removals, ...snapshots, ingests, ...followed]);
  // Directories whose deletion failed before.
  await Promise.all(snapshotters.map((snapshotter) => snapshotter.startCleanup()));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return {
    blobs: blobs.length,
    blobBytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    snapshots: (await Promise.all(snapshots)).reduce((sum, count) => sum + count, 0),
    ingests: await ingests,
  };
}

/** Resolves with the resources that they held. */
async function deleteExpired(leases: Leases): Promise<readonly LeaseResource[]> {
  const now = nowNs();
  const expired = leases.list().filter(({ expiresAtNs }) => expiresAtNs !== undefined && expiresAtNs <= now);
  await Promise.all(expired.map(({ id }) => leases.delete(id)));
  return expired.flatMap(({ resources }) => resources);
}

function isNode(resource: LeaseResource): resource is Exclude<LeaseResource, { readonly kind: "ingest" }> {
  return resource.kind !== "ingest";
}

async function deleteBlob(content: ContentStore, digest: Digest): Promise<void> {
  try {
    await content.delete(digest);
  } catch (error) {
    // Somebody else has deleted it.
    if (!hasCode(error, "NotFound")) throw error;
  }
}

/** Removes children before their parents, and all without remaining children at the same time. */
async function removeSnapshots(snapshotter: CollectedSnapshotter, reached: Reached): Promise<number> {
  let doomed = snapshotter
    .list()
    .filter(({ key }) => !reached.has({ kind: "snapshot", snapshotter: snapshotter.name, key }));
  let removed = 0;
  while (doomed.length > 0) {
    const parents = new Set(doomed.map(({ parent }) => parent));
    const leaves = doomed.filter(({ key }) => !parents.has(key));
    const outcomes = await Promise.all(leaves.map(({ key }) => removeSnapshot(snapshotter, key)));
    removed += outcomes.filter((gone) => gone).length;
    doomed = doomed.filter(({ key }) => parents.has(key));
  }
  return removed;
}

async function removeSnapshot(snapshotter: CollectedSnapshotter, key: string): Promise<boolean> {
  try {
    await snapshotter.remove(key);
    return true;
  } catch (error) {
    // FailedPrecondition: since the marking, somebody prepared a snapshot on top of it, so it is in use
    // again.
    if (hasCode(error, "NotFound") || hasCode(error, "FailedPrecondition")) return false;
    throw error;
  }
}

async function abortAbandoned(content: ContentStore, leased: readonly LeaseResource[]): Promise<number> {
  const held = new Set(leased.map((resource) => (resource.kind === "ingest" ? resource.ref : undefined)));
  const youngestAbandonedMs = Date.now() - abandonedAfterMs;
  const abandoned = (await content.ingests()).filter(
    ({ ref, updatedAtMs }) => updatedAtMs < youngestAbandonedMs && !held.has(ref),
  );
  await Promise.all(abandoned.map(({ ref }) => content.abort(ref)));
  return abandoned.length;
}
