/**
 * Garbage collection of one namespace's content and snapshots, as in containerd: what is not reached from a
 * *root* is removed.
 *
 * Roots are what the caller names (images' targets and topmost snapshots, containers' snapshots), the
 * resources of leases that have not expired, whatever has the label `containerd.io/gc.root`, and every active
 * or view snapshot that berth itself has made: whoever prepared one removes it. From there the labels
 * `containerd.io/gc.ref.content[.NAME] = DIGEST` and `containerd.io/gc.ref.snapshot.SNAPSHOTTER = KEY` lead
 * on, and from a snapshot its parent. Ingests go when they are a day old and no lease names them.
 *
 * Whoever puts something together takes a lease on it first (see Leases); this room only relies on that.
 */
export {
  collectGarbage,
  type GarbageFollower,
  type GarbageOptions,
  type RemovedGarbage,
} from "./collect-garbage.ts";
export { type GarbageNode, labelled } from "./reachable.ts";
export { type GarbageCollector, type NamespaceCollector, ScheduledCollector } from "./scheduled-collector.ts";
