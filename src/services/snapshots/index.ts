/**
 * Snapshots: file-system trees of images and containers, each on top of its parent; {@link
 * "./snapshotter.ts"} describes their life cycle. Three snapshotters: `overlayfs` stores changes in
 * directories that the kernel stacks, `erofs` does so on top of layers that are mounted from their archives,
 * `native` copies.
 *
 * Terms: an *active* snapshot is writable, a *view* is not, a *committed* one never changes again; *rebase*
 * sets an active snapshot's parent at commit; a layer's *chain id* identifies it together with all layers
 * below it.
 *
 * This room mounts nothing, unpacks nothing and does not know what is in use: garbage collection is up to
 * those who hold references. Trees are copied, measured and deleted in worker threads.
 */
/** A snapshotter's mount as arguments of mount(8). */
export { describeMount, type IdMappings } from "../../ground/linux/index.ts";
export { chainIdOf } from "./chain-id.ts";
export { diskUsage } from "./disk-usage.ts";
export { canRemap, mappingOf, mappingOptions, remapCapability, rootOf } from "./id-mapping.ts";
export { inheritDirectories, inheritInImage } from "./inherit.ts";
export { type SnapshotterKind, Snapshotters, snapshotterKinds } from "./open.ts";
export { SnapshotError } from "./snapshot-error.ts";
export type {
  CommitOptions,
  Mount,
  NewSnapshot,
  ReadSnapshot,
  SnapshotInfo,
  Snapshotter,
  SnapshotterCapabilities,
  Usage,
} from "./snapshotter.ts";
export { TreeCopier } from "./tree-threads.ts";
export { type MeasuredUsage, type SignsOfLife, UsageMeter } from "./usage-meter.ts";
