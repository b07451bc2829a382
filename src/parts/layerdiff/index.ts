/**
 * Writes the differences between two file trees as layers (OCI image-spec 1.1, layer.md): deleted names as
 * whiteouts, directories that hide the parent's as opaque, and all attributes of files except `trusted.`
 * ones; {@link "../unpack/index.ts"} reads layers and explains the terms. Also writes file trees as entries
 * of other archives.
 *
 * The calls are synchronous: this room runs in worker threads. It mounts nothing and stores no blobs.
 */
export type { Compression } from "./compressor.ts";
export type { LayerOptions, WrittenLayer } from "./layer-tar.ts";
export { joinPath, OpenTree } from "./open-tree.ts";
export { TreeEntries } from "./tree-entries.ts";
export { type ChangeKind, readChange, writeChanges } from "./write-changes.ts";
export { type LayerSource, writeLayer } from "./write-layer.ts";
