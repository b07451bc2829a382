import type { Labels } from "../../ground/labels/index.ts";
import { isDigest } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { type Condition, conditionsOf } from "./conditions.ts";
import type { GarbageNode, GarbageRecord, HeldNode } from "./garbage-node.ts";
import { holdersOf, labelled } from "./labels.ts";

/** What the collector needs of a snapshotter. */
export type CollectedSnapshotter = Pick<Snapshotter, "name" | "list" | "stat" | "remove" | "startCleanup">;

type Stores = {
  readonly content: Pick<ContentStore, "list" | "has" | "info">;
  readonly snapshotters: readonly CollectedSnapshotter[];
};

export type Reached = { has(node: GarbageNode): boolean };

/**
 * All nodes reachable from `roots`, from the records that are roots, and from the stores' own roots. An
 * active snapshot that needs no hold is itself a root, unless it is in `givenUp`: it was held by a lease that
 * has ended. Synchronous, so that it sees a consistent state.
 */
export function reachable(
  stores: Stores,
  records: readonly GarbageRecord[],
  roots: Iterable<HeldNode>,
  givenUp: Iterable<GarbageNode> = [],
): Reached {
  const recorded = new Map(records.map((record) => [nodeId(record.node), record]));
  const held = heldByOthers(stores, records);
  const nowMs = Date.now();
  const conditional = (labels: Labels) =>
    conditionsOf(labels).flatMap(({ node, isMet }) => {
      const snapshot = snapshotOf(stores, node);
      return snapshot !== undefined && isMet(snapshot.labels, nowMs) ? [node] : [];
    });
  const reached = new Set<string>();
  const queue: HeldNode[] = [...roots, ...ownRoots(stores, new Set([...givenUp].map(nodeId)))];
  for (const { node, expired } of records) if (expired === undefined) queue.push(node);
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    const id = nodeId(node);
    if (reached.has(id)) continue;
    reached.add(id);
    queue.push(...(held.get(id) ?? []), ...references(stores, recorded, node, conditional));
  }
  return { has: (node) => reached.has(nodeId(node)) || reached.has(nodeId({ ...node, flat: true })) };
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

/** Nodes whose labels name a holder, by holder. */
function heldByOthers(
  { content, snapshotters }: Stores,
  records: readonly GarbageRecord[],
): ReadonlyMap<string, readonly GarbageNode[]> {
  const held = new Map<string, GarbageNode[]>();
  const add = (node: GarbageNode, holders: readonly GarbageNode[]): void => {
    for (const holder of holders) {
      const id = nodeId(holder);
      const others = held.get(id);
      if (others === undefined) held.set(id, [node]);
      else others.push(node);
    }
  };
  for (const { digest, labels } of content.list()) add({ kind: "content", digest }, holdersOf(labels));
  for (const { name, list } of snapshotters.map((each) => ({ name: each.name, list: each.list() })))
    for (const { key, labels } of list) add({ kind: "snapshot", snapshotter: name, key }, holdersOf(labels));
  for (const { node, expired } of records) add(node, expired?.holders ?? []);
  return held;
}

function references(
  stores: Stores,
  records: ReadonlyMap<string, GarbageRecord>,
  node: HeldNode,
  conditional: (labels: Labels) => readonly GarbageNode[],
): readonly HeldNode[] {
  const { content } = stores;
  const { flat = false } = node;
  if (node.kind === "image" || node.kind === "container") {
    const record = records.get(nodeId({ ...node, flat: false }));
    const found = record?.references(flat) ?? [];
    return flat ? found.map((each) => ({ ...each, flat })) : [...found, ...conditional(record?.labels ?? {})];
  }
  if (node.kind === "content") {
    if (flat || !isDigest(node.digest) || !content.has(node.digest)) return [];
    const { labels } = content.info(node.digest);
    return [...labelled(labels), ...conditional(labels)];
  }
  const snapshot = snapshotOf(stores, node);
  if (snapshot === undefined) return [];
  const parents: HeldNode[] = snapshot.parent === undefined ? [] : [{ ...node, key: snapshot.parent }];
  return flat ? parents : [...parents, ...labelled(snapshot.labels)];
}

function snapshotOf({ snapshotters }: Stores, { snapshotter, key }: Condition["node"]) {
  return snapshotters.find(({ name }) => name === snapshotter)?.stat(key);
}

/** As in containerd, any suffix of the label is allowed. */
function isRoot(labels: Labels): boolean {
  return Object.keys(labels).some((name) => name.startsWith("containerd.io/gc.root"));
}

function nodeId(node: HeldNode): string {
  const flat = node.flat === true ? "flat " : "";
  switch (node.kind) {
    case "content":
      return `${flat}content ${node.digest}`;
    case "snapshot":
      return `${flat}snapshot ${node.snapshotter} ${node.key}`;
    case "image":
      return `${flat}image ${node.name}`;
    case "container":
      return `${flat}container ${node.id}`;
  }
}
