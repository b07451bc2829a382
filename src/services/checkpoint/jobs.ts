import type { SentError } from "../../ground/threads/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

/** Jobs of the thread. Paths are absolute. */
export type Job =
  /** Creates `path` (mode 0600; must not exist) and makes it durable. */
  | {
      readonly kind: "write";
      readonly path: string;
      readonly parts: readonly ArchivePart[];
      readonly rootfs: RootfsSource;
    }
  /** Applies archives, one on top of the other, to an empty directory. The thread requests their bytes. */
  | { readonly kind: "unpack"; readonly sources: readonly SizedArchive[]; readonly directory: string }
  /**
   * Adds a tar's files to a directory; existing files stay as they are. Others may write to the directory in
   * the meantime.
   */
  | { readonly kind: "add"; readonly tar: string; readonly directory: string }
  /** Applies a checkpoint's changes to a container's file system. */
  | {
      readonly kind: "apply";
      readonly diff: string | undefined;
      readonly deleted: readonly string[];
      readonly rootfs: string;
    };

/** One file of an archive, a directory's regular files, or a tree of files as a tar. */
export type ArchivePart =
  | { readonly kind: "text"; readonly name: string; readonly text: string }
  /** Left out if it does not exist. */
  | { readonly kind: "file"; readonly name: string; readonly path: string }
  | { readonly kind: "directory"; readonly name: string; readonly path: string }
  /** Others may write to it in the meantime. */
  | { readonly kind: "tree"; readonly name: string; readonly path: string };

/** The source of a container's changes to its image's file system. */
export type RootfsSource = {
  /** The whole tree as the container sees it, without its mounts. */
  readonly merged: string;
  readonly changes:
    | { readonly kind: "overlay"; readonly upper: string; readonly lower: readonly string[] }
    /** The tree is a copy of `base`; undefined if there is none. */
    | { readonly kind: "copy"; readonly base: string | undefined };
};

/** An archive, compressed or not; with `expected` if its digest is known. */
export type ArchiveSource = {
  readonly path: string;
  readonly expected?: { readonly digest: Digest; readonly size: number };
};

/** The digest is undefined if it is not known. */
export type SizedArchive = {
  readonly path: string;
  readonly expected: { readonly digest?: Digest; readonly size: number };
};

/** The thread's request for an archive's next bytes; the reply is an {@link ArchiveBytes}. */
export type ReadRequest = { readonly kind: "read"; readonly path: string };

/** Empty at the end. */
export type ArchiveBytes = { readonly bytes: Uint8Array };

export type JobResult = { readonly kind: "done" } | { readonly kind: "failed"; readonly error: SentError };
