/**
 * Applies one layer of an image to a directory, or turns it into a file system image without writing its
 * files: verifies the compressed bytes, decompresses, and writes the tar's entries with owners, modes, times,
 * xattrs, hard links, devices, whiteouts and opaque directories (OCI image-spec 1.1, layer.md).
 *
 * Terms: a *whiteout* is an entry `.wh.NAME` that deletes the parent's NAME; an *opaque* directory (with an
 * entry `.wh..wh..opq`) hides the parent's; the *diff id* is the digest of the uncompressed tar.
 *
 * Nothing is written outside the directory, whatever the archive contains: every name is resolved beneath an
 * open descriptor of the directory, and symbolic links in it are resolved as if it were the root (openat2).
 * The calls are synchronous: this room runs in worker threads and never on the main one. It fetches nothing,
 * stores no blobs and makes nothing durable.
 */

export type { InodeAttributes } from "../erofs/index.ts";
export { applyLayer } from "./apply-layer.ts";
export { indexAgain } from "./image/index-again.ts";
export { layerImageFiles } from "./image/layer-image.ts";
export { removePaths } from "./remove-paths.ts";
export type {
  AppliedLayer,
  ApplyOptions,
  DirectoryTarget,
  ImageTarget,
  LayerFormat,
  LayerLimits,
  LayerTarget,
} from "./unpack.ts";
export { UnpackError } from "./unpack-error.ts";
