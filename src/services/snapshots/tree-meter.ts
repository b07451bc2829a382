import { Semaphore } from "../../ground/sync/index.ts";
import { smallUsage } from "./small-tree.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Usage } from "./snapshotter.ts";
import { treeThreads } from "./tree-threads.ts";

/** So that a hundred containers do not take all of libuv's threads. */
const mostAtOnce = 8;

/**
 * Measures trees that are in use. Most have only a container's few files, for which no thread is started; if
 * one is running for larger trees, it does all of them.
 */
export class TreeMeter implements AsyncDisposable {
  readonly #threads = treeThreads(2);
  readonly #closing = new AbortController();
  readonly #small = new Semaphore(mostAtOnce);

  /** Disk usage of the tree. Throws SnapshotError, LinuxError. */
  async usage(path: string): Promise<Usage> {
    const usage = (await this.#ofSmall(path)) ?? (await this.#threads.run({ kind: "usage", path }));
    return usage ?? { sizeBytes: 0, inodes: 0 };
  }

  async #ofSmall(path: string): Promise<Usage | undefined> {
    using _turn = await this.#small.acquire(this.#closing.signal);
    // The thread reports failures as this room's errors.
    return this.#threads.isStarted ? undefined : await smallUsage(path).catch(() => undefined);
  }

  /** Measurements in progress fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new SnapshotError("Unavailable", "measuring snapshots has ended"));
    await this.#threads[Symbol.asyncDispose]();
  }
}
