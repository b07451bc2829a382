import type { Digest } from "../oci/index.ts";

/** Where a layer is applied. */
export type LayerTarget = DirectoryTarget | ImageTarget;

/**
 * A directory to which a layer is applied. Nobody else may write to it meanwhile, except with `whiteouts:
 * "none"`.
 */
export type DirectoryTarget = {
  /** Absolute path of the tree to write into. */
  readonly directory: string;
  /**
   * `overlayfs` writes whiteouts in overlayfs's format (0/0 character devices, `trusted.overlay.opaque`), for
   * an upper directory that is empty at first; `remove` deletes the files that a whiteout names, for a tree
   * that contains the parent's files; `none` is for a tar that is not a layer: whiteouts mean nothing, and
   * existing files are neither replaced nor changed.
   */
  readonly whiteouts: "overlayfs" | "remove" | "none";
};

/**
 * A directory in which a layer is stored unchanged: as its uncompressed archive, with an EROFS image over it
 * that the kernel mounts (see {@link "./image/layer-image.ts"}), or as the EROFS image that it already is.
 * Whiteouts in it are in overlayfs's format.
 */
export type ImageTarget = {
  readonly form: "image";
  /** Absolute path of the directory to create for the files, readable only by root. */
  readonly directory: string;
};

/** The format of an uncompressed layer: an archive, or an EROFS image that is used as it is. */
export type LayerFormat = "tar" | "erofs";

/** How a layer is applied. */
export type ApplyOptions = {
  readonly target: LayerTarget;
  /** `tar` by default. `erofs` needs an {@link ImageTarget}. */
  readonly format?: LayerFormat;
  /**
   * What must match: `digest` and `size` of the compressed bytes (the descriptor's), and `diffId` of the
   * uncompressed ones (the image config's). A file without known digests has only a size.
   */
  readonly expected: { readonly digest?: Digest; readonly size: number; readonly diffId?: Digest };
  /**
   * A layer that exceeds them is rejected (ResourceExhausted). None by default; a full disk is detected
   * anyway.
   */
  readonly limits?: LayerLimits;
  readonly signal?: AbortSignal;
};

/** Limits of what an unpacked layer may use. 0 sets no limit. */
export type LayerLimits = {
  /** Length of the uncompressed tar or image. */
  readonly maxBytes: number;
  /** Entries of the tar. */
  readonly maxFiles: number;
  /** Percentage of the target's file system, and of its inodes, that must stay free. */
  readonly minFreePercent: number;
};

/** The result of applying a layer. */
export type AppliedLayer = {
  /** Digest of the uncompressed tar or image, by the algorithm of the expected one. */
  readonly diffId: Digest;
  /** Digest, likewise, and length of the compressed bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Length of the uncompressed tar or image. */
  readonly unpackedBytes: number;
  /**
   * Directories in which the layer has entries but which it does not describe, so that they were created with
   * mode 0755 and owner 0:0 (paths from the root, outermost first; one character for each byte of the name).
   * With a snapshotter that rebases, pass them to `commit` as `inherit`, which gives them the attributes of
   * the parent's directory. Well-formed layers have none.
   */
  readonly undescribedDirectories: readonly string[];
};
