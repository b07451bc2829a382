import type { Logger } from "../../ground/logging/index.ts";
import type { SnapshotDirectories } from "./directories.ts";
import type { TreeThreads } from "./tree-threads.ts";

/** Directories that are being deleted in the background, after their records. */
export class Deletions {
  readonly #directories: SnapshotDirectories;
  readonly #worker: TreeThreads;
  readonly #logger: Logger;
  readonly #running = new Map<number, Promise<void>>();

  constructor(directories: SnapshotDirectories, worker: TreeThreads, logger: Logger) {
    this.#directories = directories;
    this.#worker = worker;
    this.#logger = logger;
  }

  /**
   * Resolves when the directory is gone. Never fails: what cannot be deleted now is tried again by the next
   * garbage collection.
   */
  start(id: number): Promise<void> {
    const running = this.#running.get(id) ?? this.#delete(id);
    this.#running.set(id, running);
    return running;
  }

  /** Resolves when nothing is being deleted any more. */
  async finished(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #delete(id: number): Promise<void> {
    const { path } = this.#directories.at(id);
    try {
      await this.#worker.run({ kind: "delete", path });
    } catch (err) {
      this.#logger.warn(
        { err, path },
        "cannot delete a snapshot's directory; the next garbage collection will retry",
      );
    } finally {
      this.#running.delete(id);
    }
  }
}
