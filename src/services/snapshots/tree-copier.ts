import { readdir } from "node:fs/promises";
import { copyTree } from "./copy-tree.ts";
import { treeThreads } from "./tree-threads.ts";

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
