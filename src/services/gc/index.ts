/**
 * Garbage collection of one namespace's content and snapshots, as in containerd: what is not reached from a
 * *root* is removed.
 *
 * Roots are images' names and containers, what the caller names besides, the resources of leases that have
 * not expired, whatever has the label `containerd.io/gc.root`, and every active or view snapshot that berth
 * itself has made: whoever prepared one removes it. From there lead on what a record refers to, from a
 * snapshot its parent, and the labels `containerd.io/gc.ref.content[.NAME] = DIGEST`,
 * `containerd.io/gc.ref.snapshot.SNAPSHOTTER = KEY` and `containerd.io/gc.ref.image[.NAME] = NAME`; with
 * `bref` in place of `ref` they say from the other side what holds the one that has them. An image's name is
 * no root once the time in its label `containerd.io/gc.expire` has come. {@link "./conditions.ts"} has the
 * labels `containerd.io/gc.cond`. Ingests go when they are a day old
 * and no lease names them.
 *
 * Whoever puts something together takes a lease on it first (see Leases); this room only relies on that.
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
