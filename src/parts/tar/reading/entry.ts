import type { Timestamp } from "../../../ground/linux/index.ts";

/**
 * One entry of a tar archive. Names and link targets are byte strings (one character for each byte), as the
 * archive has them: nothing is cleaned or checked yet but that they hold no NUL.
 */
export type ArchiveEntry = EntryAttributes & EntryKind;

/** What entries of every kind have. */
export type EntryAttributes = {
  readonly name: string;
  /** Permissions with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  /** Extended attributes by key. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
};

type EntryKind =
  | { readonly kind: "file"; readonly content: FileContent }
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: string }
  | { readonly kind: "hardlink"; readonly target: string }
  | { readonly kind: "character-device" | "block-device"; readonly major: number; readonly minor: number }
  | { readonly kind: "fifo" };

/**
 * Where a file's bytes go: `extents` in order, each filled from the archive; the rest of `sizeBytes` is a
 * hole.
 */
export type FileContent = { readonly sizeBytes: number; readonly extents: readonly Extent[] };

export type Extent = { readonly offset: number; readonly length: number };

/**
 * Takes what a {@link "./tar-reader.ts"} finds: for every entry `begin`, then for files their bytes in order,
 * then `end`.
 */
export interface EntrySink {
  /** `position`: of the next byte in the archive, which is the first of a file's. */
  begin(entry: ArchiveEntry, position: number): void;
  data(bytes: Uint8Array): void;
  end(): void;
}
