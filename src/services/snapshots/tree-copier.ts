import { readdir } from "node:fs/promises";
import { copyTree } from "./copy-tree.ts";
import { treeThread } from "./tree-thread.ts";

/** Copies trees that are no snapshots, with all that the files have. The thread for it ends when it is not needed. */
export class TreeCopier implements AsyncDisposable {
  readonly #thread = treeThread();

  /**
   * Copies what is in the directory `from` into the empty directory `to`, and `from`'s own attributes. Nobody may change
   * either meanwhile. Throws SnapshotError (ResourceExhausted for a full disk), LinuxError.
   */
  async copy(from: string, to: string): Promise<void> {
    // Most are empty, and a thread takes longer to start than they to copy.
    if ((await readdir(from)).length === 0) copyTree(from, to);
    else await this.#thread.run({ kind: "copy", from, to });
  }

  /** A copy under way fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}
