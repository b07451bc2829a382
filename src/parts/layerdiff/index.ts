/**
 * Layers of what differs between two trees of files (OCI image-spec 1.1, layer.md): deleted names as
 * whiteouts, directories that show nothing of the parent's as opaque, all that the kernel keeps of a file but
 * `trusted.` attributes; {@link "../unpack/index.ts"} reads them. The terms are explained there. Besides,
 * trees of files as entries of other archives.
 *
 * The calls are synchronous: this room runs in worker threads. It mounts nothing and stores no blobs.
 */
export type { Compression } from "./compressor.ts";
export type { LayerOptions, WrittenLayer } from "./layer-tar.ts";
export { joinPath, OpenTree } from "./open-tree.ts";
export { TreeEntries } from "./tree-entries.ts";
export { type ChangeKind, readChange, writeChanges } from "./write-changes.ts";
export { type LayerSource, writeLayer } from "./write-layer.ts";
