import { type FSWatcher, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Logger } from "../../logging/index.ts";

/**
 * Tells when exit files appear: one inotify watch on the directory in which every conmon writes its own, named after the
 * container. {@link scan} finds what the watch may have missed.
 */
export class ExitWatch implements Disposable {
  readonly #directory: string;
  readonly #listeners = new Map<string, () => void>();
  readonly #watcher: FSWatcher;

  /** The directory must exist. */
  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#watcher = watch(directory, (_event, name) => this.#notify(name ?? ""));
    this.#watcher.on("error", (err) => {
      logger.error(
        { err, directory },
        "the watch on exit files broke; exits are found by the periodic scan alone",
      );
    });
  }

  /** `listener` may be called more than once, also for a file that is gone again. It must look for a file that was there before. */
  add(id: string, listener: () => void): void {
    this.#listeners.set(id, listener);
  }

  remove(id: string): void {
    this.#listeners.delete(id);
  }

  /** Calls the listener of each exit file that is there. */
  async scan(): Promise<void> {
    for (const name of await readdir(this.#directory)) this.#notify(name);
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    this.#listeners.clear();
  }

  #notify(name: string): void {
    this.#listeners.get(name)?.();
  }
}
