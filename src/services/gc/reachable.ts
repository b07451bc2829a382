import type { Labels } from "../../ground/labels/index.ts";
import { isDigest } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { LeaseResource } from "../leases/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";

/** A blob or a snapshot, whether it exists or not. */
export type GarbageNode = Exclude<LeaseResource, { readonly kind: "ingest" }>;

/** What the collector needs of a snapshotter. */
export type CollectedSnapshotter = Pick<Snapshotter, "name" | "list" | "stat" | "remove" | "startCleanup">;

type Stores = {
  readonly content: Pick<ContentStore, "list" | "has" | "info">;
  readonly snapshotters: readonly CollectedSnapshotter[];
};

/**
 * What can be reached from `roots`, and from the stores' own roots. An active snapshot that needs no hold
 * holds itself, unless it is `givenUp`: a lease has held it that has ended. Synchronous, so that it sees one
 * moment.
 */
export function reachable(
  stores: Stores,
  roots: Iterable<GarbageNode>,
  givenUp: Iterable<GarbageNode> = [],
): { has(node: GarbageNode): boolean } {
  const reached = new Set<string>();
  const queue = [...roots, ...ownRoots(stores, new Set([...givenUp].map(nodeId)))];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (reached.has(nodeId(node))) continue;
    reached.add(nodeId(node));
    queue.push(...references(stores, node));
  }
  return { has: (node) => reached.has(nodeId(node)) };
}

function* ownRoots({ content, snapshotters }: Stores, givenUp: ReadonlySet<string>): Generator<GarbageNode> {
  for (const { digest, labels } of content.list()) {
    if (isRoot(labels)) yield { kind: "content", digest };
  }
  for (const snapshotter of snapshotters) {
    for (const { key, needsHold, labels } of snapshotter.list()) {
      const node = { kind: "snapshot", snapshotter: snapshotter.name, key } as const;
      if ((!needsHold && !givenUp.has(nodeId(node))) || isRoot(labels)) yield node;
    }
  }
}

function references({ content, snapshotters }: Stores, node: GarbageNode): readonly GarbageNode[] {
  if (node.kind === "content") {
    return isDigest(node.digest) && content.has(node.digest)
      ? labelled(content.info(node.digest).labels)
      : [];
  }
  const snapshot = snapshotters.find(({ name }) => name === node.snapshotter)?.stat(node.key);
  if (snapshot === undefined) return [];
  const parents: GarbageNode[] = snapshot.parent === undefined ? [] : [{ ...node, key: snapshot.parent }];
  return [...parents, ...labelled(snapshot.labels)];
}

function isRoot(labels: Labels): boolean {
  return "containerd.io/gc.root" in labels;
}

/**
 * containerd allows several references of one kind by a suffix: `.NAME` for content, `/NAME` for snapshots.
 */
const contentLabel = /^containerd\.io\/gc\.ref\.content(?:[./].*)?$/;
const snapshotLabel = /^containerd\.io\/gc\.ref\.snapshot\.([^/]+)(?:\/.*)?$/;

/** What the labels of a record refer to. */
export function labelled(labels: Labels): readonly GarbageNode[] {
  return Object.entries(labels).flatMap(([label, value]): readonly GarbageNode[] => {
    if (contentLabel.test(label)) return [{ kind: "content", digest: value }];
    const snapshotter = snapshotLabel.exec(label)?.[1];
    return snapshotter === undefined ? [] : [{ kind: "snapshot", snapshotter, key: value }];
  });
}

function nodeId(node: GarbageNode): string {
  return node.kind === "content" ? node.digest : `${node.snapshotter} ${node.key}`;
}
