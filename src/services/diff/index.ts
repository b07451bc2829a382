/**
 * What containerd calls a differ, both ways: applies layers to mounts that a client describes, and writes
 * differences of snapshots as layers into the content store, for what commits a container and for
 * containerd's Diff.
 *
 * Terms: the *lower* tree is what is there already, the *upper* one what a layer is to make of it, each given
 * as its snapshotter's mounts. What a layer says, and how trees are compared, is the room layerdiff's.
 *
 * Both happen in threads of their own. To apply a layer nothing is mounted: the directory that a mount would
 * write to takes it, as in containerd (core/diff/apply).
 *
 * This room keeps no leases and no snapshots: the caller sees to it that nobody changes or removes the trees
 * meanwhile, and that the blob is wanted.
 */
export { readableMounts } from "./client-mounts.ts";
export { DiffError } from "./diff-error.ts";
export { Differ } from "./differ.ts";
export { type LayerBlob, LayerDiffs, type PathChange } from "./layer-diffs.ts";
