import { readdir } from "node:fs/promises";
import { JobThreads, threadFile } from "../../ground/threads/index.ts";
import { copyTree } from "./copy-tree.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Usage } from "./snapshotter.ts";

/** Work on whole trees, done in a worker thread. Paths are absolute. */
export type TreeJob =
  /** Copies what is in `from` into the empty directory `to`, and `from`'s own attributes. */
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  | { readonly kind: "usage"; readonly path: string }
  | { readonly kind: "delete"; readonly path: string }
  /** Gives directories of `upper` the attributes that the overlay of `lower`, nearest first, has there. */
  | {
      readonly kind: "inherit";
      readonly upper: string;
      readonly lower: readonly string[];
      readonly directories: readonly string[];
    }
  /** The same for directories of a layer stored as an image in the directory `image`. */
  | {
      readonly kind: "inheritInImage";
      readonly image: string;
      readonly lower: readonly string[];
      readonly directories: readonly string[];
    };

/**
 * Threads for work on trees. Jobs that ask for the usage resolve with it. Throws SnapshotError:
 * ResourceExhausted for a full disk, or another code.
 */
export type TreeThreads = JobThreads<TreeJob, Usage | undefined>;

/** `most`: how many jobs run at a time; later ones wait. */
export function treeThreads(most: number): TreeThreads {
  return new JobThreads(
    { name: "snapshots", file: threadFile(import.meta.url, "./tree-worker"), error: SnapshotError },
    most,
  );
}

/** So that three containers with large volumes hold up no fourth. */
const mostCopies = 4;

/**
 * Copies trees that are no snapshots, with all that the files have, several at a time. The threads for it end
 * when they are not needed.
 */
export class TreeCopier implements AsyncDisposable {
  readonly #threads = treeThreads(mostCopies);

  /**
   * Copies what is in the directory `from` into the empty directory `to`, and `from`'s own attributes. Nobody
   * may change either meanwhile. Throws SnapshotError (ResourceExhausted for a full disk), LinuxError.
   */
  async copy(from: string, to: string): Promise<void> {
    // Most are empty, and a thread takes longer to start than they to copy.
    if ((await readdir(from)).length === 0) copyTree(from, to);
    else await this.#threads.run({ kind: "copy", from, to });
  }

  /** Copies under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }
}
