import type { Timestamp } from "../../ground/linux/index.ts";

/** A file of any kind in the image to be. What stands in several directories has several names there. */
export type ErofsInode = { attributes: InodeAttributes } & InodeKind;

export type ErofsDirectory = Extract<ErofsInode, { kind: "directory" }>;

/** What files of every kind have. */
export type InodeAttributes = {
  /** Permissions with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
};

/** Names and targets are byte strings. */
type InodeKind =
  | { readonly kind: "file"; readonly data: FileData }
  | { readonly kind: "directory"; readonly entries: Map<string, ErofsInode> }
  | { readonly kind: "symlink"; readonly target: string }
  | { readonly kind: "character-device" | "block-device"; readonly major: number; readonly minor: number }
  | { readonly kind: "fifo" };

/**
 * Where the archive has a file's bytes: from `offset` on, a multiple of 512. With `extents` (in order) it has
 * only these, one after the other, and the rest of the file is a hole.
 */
export type FileData = {
  readonly sizeBytes: number;
  readonly offset: number;
  readonly extents?: readonly { readonly offset: number; readonly length: number }[];
};
