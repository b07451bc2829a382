/**
 * containerd's differ, in both directions: applies layers to mounts that a client describes, and writes the
 * differences between snapshots to the content store as layers, for commits of containers and for
 * containerd's Diff.
 *
 * Terms: the *lower* tree is the state before a layer, the *upper* one the state after it, each given as
 * mounts of its snapshotter. The format of layers, and the comparison of trees, are in `layerdiff/`.
 *
 * Both run in threads. Layers are applied without mounting anything, to the directory that a mount would
 * write to, as in containerd (core/diff/apply).
 *
 * This room holds no leases and no snapshots: the caller makes sure that nobody changes or removes the trees
 * in the meantime, and that the blob is kept.
 */
export { readableMounts } from "./client-mounts.ts";
export { DiffError } from "./diff-error.ts";
export { Differ } from "./differ.ts";
export { type LayerBlob, LayerDiffs, type PathChange } from "./layer-diffs.ts";
