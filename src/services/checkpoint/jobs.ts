import type { SentError } from "../../ground/threads/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

/** What the thread can be asked to do. Paths are absolute. */
export type Job =
  /** Makes `path` (0600, which must not exist) and leaves it on disk. */
  | {
      readonly kind: "write";
      readonly path: string;
      readonly parts: readonly ArchivePart[];
      readonly rootfs: RootfsSource;
    }
  /** Applies archives, one over the other, to an empty directory. The thread asks for their bytes. */
  | { readonly kind: "unpack"; readonly sources: readonly SizedArchive[]; readonly directory: string }
  /**
   * Makes the files of a tar that a directory has not; what is there stays as it is. Others may write to the
   * directory meanwhile.
   */
  | { readonly kind: "add"; readonly tar: string; readonly directory: string }
  /** Changes a container's file system as a checkpoint says. */
  | {
      readonly kind: "apply";
      readonly diff: string | undefined;
      readonly deleted: readonly string[];
      readonly rootfs: string;
    };

/** One file of an archive, a directory's regular files, or a tree of files as a tar. */
export type ArchivePart =
  | { readonly kind: "text"; readonly name: string; readonly text: string }
  /** Left out when there is none. */
  | { readonly kind: "file"; readonly name: string; readonly path: string }
  | { readonly kind: "directory"; readonly name: string; readonly path: string }
  /** Others may write to it meanwhile. */
  | { readonly kind: "tree"; readonly name: string; readonly path: string };

/** Where a container's changes to its image's file system are to be found. */
export type RootfsSource = {
  /** The whole tree, as the container sees it but for its mounts. */
  readonly merged: string;
  readonly changes:
    | { readonly kind: "overlay"; readonly upper: string; readonly lower: readonly string[] }
    /** The tree is a copy; `base` is what it was copied from, undefined where that was nothing. */
    | { readonly kind: "copy"; readonly base: string | undefined };
};

/** An archive, compressed or not; `expected` where somebody vouched for its bytes. */
export type ArchiveSource = {
  readonly path: string;
  readonly expected?: { readonly digest: Digest; readonly size: number };
};

/** The digest is undefined where nobody vouched for the bytes. */
export type SizedArchive = {
  readonly path: string;
  readonly expected: { readonly digest?: Digest; readonly size: number };
};

/** The thread asks for an archive's next bytes; the answer is an {@link ArchiveBytes}. */
export type ReadRequest = { readonly kind: "read"; readonly path: string };

/** None at the end. */
export type ArchiveBytes = { readonly bytes: Uint8Array };

export type JobResult = { readonly kind: "done" } | { readonly kind: "failed"; readonly error: SentError };
