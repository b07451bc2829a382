import type { Digest } from "../oci/index.ts";

/**
 * Applies one layer to a directory: verifies the compressed bytes, decompresses, and writes the tar's entries with
 * owners, modes, times, xattrs, hard links, devices, whiteouts and opaque directories (OCI image-spec 1.1, layer.md),
 * never outside the directory, whatever the archive says. Runs in a worker thread; nothing here touches the main one.
 */
export type LayerTarget = {
  /** Absolute path of the tree to write into. */
  readonly directory: string;
  /**
   * `overlayfs` writes whiteouts as overlayfs wants them (0/0 character devices, `trusted.overlay.opaque`), for an
   * upper directory; `remove` deletes what a whiteout names, for a tree that holds its parent's files.
   */
  readonly whiteouts: "overlayfs" | "remove";
};

/** What came out of a layer. */
export type AppliedLayer = {
  /** sha256 of the uncompressed tar. */
  readonly diffId: Digest;
  /** sha256 and length of the compressed bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
};
