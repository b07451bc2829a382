import type { Digest } from "../oci/index.ts";

/** What takes a layer. */
export type LayerTarget = DirectoryTarget | ImageTarget;

/** A directory that takes a layer. Nobody else may write to it meanwhile, except with `whiteouts: "none"`. */
export type DirectoryTarget = {
  /** Absolute path of the tree to write into. */
  readonly directory: string;
  /**
   * `overlayfs` writes whiteouts as overlayfs wants them (0/0 character devices, `trusted.overlay.opaque`),
   * for an upper directory, empty at first; `remove` deletes what a whiteout names, for a tree that holds its
   * parent's files; `none` is for a tar that is no layer: such names mean nothing, and what is there already
   * is neither replaced nor changed.
   */
  readonly whiteouts: "overlayfs" | "remove" | "none";
};

/**
 * A layer that is kept as it is, its uncompressed archive, with an EROFS image over it that the kernel mounts
 * (see {@link "./image/layer-image.ts"}), or the EROFS image that it came as. Whiteouts in it are
 * overlayfs's.
 */
export type ImageTarget = {
  readonly form: "image";
  /** Absolute path of the directory to be made for the files, readable for root alone. */
  readonly directory: string;
};

/** What a layer is when it is uncompressed: an archive, or an EROFS image that is taken as it is. */
export type LayerFormat = "tar" | "erofs";

/** How a layer is applied. */
export type ApplyOptions = {
  readonly target: LayerTarget;
  /** `tar` unless said otherwise. `erofs` needs an {@link ImageTarget}. */
  readonly format?: LayerFormat;
  /**
   * What the bytes must turn out to be: `digest` and `size` of the compressed bytes (the descriptor's),
   * `diffId` of what is uncompressed (the image config's). A file that nobody vouched for has a size alone.
   */
  readonly expected: { readonly digest?: Digest; readonly size: number; readonly diffId?: Digest };
  /** A layer beyond them is refused (ResourceExhausted). None by default: a full disk is noticed. */
  readonly limits?: LayerLimits;
  readonly signal?: AbortSignal;
};

/** What a layer may take, however small it came. 0 sets no limit. */
export type LayerLimits = {
  /** Length of the uncompressed tar or image. */
  readonly maxBytes: number;
  /** Entries of the tar. */
  readonly maxFiles: number;
  /** How much of the target's file system, and of its inodes, must stay free, in percent. */
  readonly minFreePercent: number;
};

/** What came out of a layer. */
export type AppliedLayer = {
  /** Of the uncompressed tar or image, by the algorithm of the one expected. */
  readonly diffId: Digest;
  /** Digest, likewise, and length of the compressed bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Length of the uncompressed tar or image. */
  readonly unpackedBytes: number;
  /**
   * Directories that the layer has entries in but does not describe, so that they were made with mode 0755
   * and owner 0:0 (paths from the root, outermost first; one character for each byte of the name). With a
   * snapshotter that rebases, pass them to `commit` as `inherit`, which gives them what the parent's
   * directory has. Well-formed layers have none.
   */
  readonly undescribedDirectories: readonly string[];
};
