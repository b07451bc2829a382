import { type FSWatcher, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Logger } from "../../../ground/logging/index.ts";

/** Polling interval without a watch. */
const scanMs = 1_000;

/**
 * Reports new exit files: one inotify watch on the directory in which every conmon writes its own, named
 * after the container. {@link scan} finds files that the watch missed. If no watch can be set (the user's
 * inotify instances are used up), the directory is polled every second, and the watch is retried.
 */
export class ExitWatch implements Disposable {
  readonly #directory: string;
  readonly #listeners = new Map<string, () => void>();
  readonly #logger: Logger;
  #watcher: FSWatcher | undefined;
  #scans: NodeJS.Timeout | undefined;

  /** The directory must exist. */
  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
    this.#watch();
  }

  #watch(): void {
    try {
      const watcher = watch(this.#directory, (_event, name) => this.#notify(name ?? ""));
      watcher.on("error", (error) => {
        watcher.close();
        this.#watchFailed(error);
      });
      this.#watcher = watcher;
    } catch (error) {
      this.#watchFailed(error);
    }
  }

  #watchFailed(err: unknown): void {
    this.#watcher = undefined;
    if (this.#scans !== undefined) return;
    this.#logger.warn(
      { err, directory: this.#directory },
      "cannot watch exit files: polling for them every second; raise fs.inotify.max_user_instances",
    );
    this.#scans = setInterval(() => void this.#scanAndWatch(), scanMs).unref();
  }

  async #scanAndWatch(): Promise<void> {
    this.#watch();
    await this.scan().catch((err: unknown) =>
      this.#logger.error(
        { err, directory: this.#directory },
        "checking for exit files failed; it is retried",
      ),
    );
    if (this.#watcher === undefined) return;
    clearInterval(this.#scans);
    this.#scans = undefined;
  }

  /**
   * `listener` may be called more than once, also for a file that was removed again. It must itself check for
   * an already existing file.
   */
  add(id: string, listener: () => void): void {
    this.#listeners.set(id, listener);
  }

  remove(id: string): void {
    this.#listeners.delete(id);
  }

  /** Calls the listener of each existing exit file. */
  async scan(): Promise<void> {
    for (const name of await readdir(this.#directory)) this.#notify(name);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#scans);
    this.#watcher?.close();
    this.#listeners.clear();
  }

  #notify(name: string): void {
    this.#listeners.get(name)?.();
  }
}
