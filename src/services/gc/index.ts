/**
 * Garbage collection of one namespace's content and snapshots, as in containerd: what is not reached from a
 * *root* is removed.
 *
 * Roots are image names and containers, what the caller names in addition, the resources of leases that have
 * not expired, everything with the label `containerd.io/gc.root`, and every active or view snapshot that
 * berth itself created: its creator removes it. References are what a record refers to, a snapshot's parent,
 * and the labels `containerd.io/gc.ref.content[.NAME] = DIGEST`, `containerd.io/gc.ref.snapshot.SNAPSHOTTER =
 * KEY` and `containerd.io/gc.ref.image[.NAME] = NAME`; `bref` instead of `ref` is a reference in the other
 * direction: it names what holds the object with the label. An image name is no root after the time in its
 * label `containerd.io/gc.expire`. {@link "./conditions.ts"} has the labels `containerd.io/gc.cond`. Ingests
 * are removed when they are a day old and no lease names them.
 *
 * Before creating resources, take a lease on them (see Leases); this room only relies on that.
 */
export {
  collectGarbage,
  type GarbageFollower,
  type GarbageOptions,
  type RemovedGarbage,
} from "./collect-garbage.ts";
export type { GarbageNode, GarbageRecord } from "./garbage-node.ts";
export { hasExpired, holdersOf, labelled } from "./labels.ts";
export { type GarbageCollector, type NamespaceCollector, ScheduledCollector } from "./scheduled-collector.ts";
