/**
 * What containerd calls a differ: applies layers to mounts that a client describes.
 *
 * Layers are unpacked in threads of their own. Nothing is mounted: the directory that a mount would write to takes the layer, as in
 * containerd (core/diff/apply).
 */
export { DiffError } from "./diff-error.ts";
export { Differ } from "./differ.ts";
