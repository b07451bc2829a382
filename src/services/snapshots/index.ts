/**
 * Snapshots: file-system trees of images and containers, each on top of its parent;
 * {@link "./snapshotter.ts"} tells their life. Three snapshotters: `overlayfs` keeps changes in
 * directories that the kernel lays over each other, `erofs` does so with layers that are mounted from their
 * archives, `native` copies.
 *
 * Terms: an *active* snapshot can be written to, a *view* cannot, a *committed* one never changes again;
 * *rebase* is giving an active snapshot its parent at commit; a layer's *chain id* names it together with all
 * below it.
 *
 * This room mounts nothing, unpacks nothing and does not know what is in use: collecting garbage is for those
 * who hold references. Trees are copied, measured and deleted in worker threads.
 */
/** What a snapshotter's mount is in the words of mount(8). */
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
  SnapshotInfo,
  Snapshotter,
  SnapshotterCapabilities,
  Usage,
} from "./snapshotter.ts";
export { TreeCopier } from "./tree-threads.ts";
export { type MeasuredUsage, type SignsOfLife, UsageMeter } from "./usage-meter.ts";
