import { type FSWatcher, watch } from "node:fs";

const recheckMs = 1_000;

/**
 * Signals when something in a directory may have changed. If inotify is not available (a limit is reached, or
 * the file system does not support it), and for what inotify misses, it also signals every second.
 */
export class ChangeWatcher implements Disposable {
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  /** `until` settling counts as a change. */
  constructor(dir: string, until: Promise<unknown>) {
    const changed = () => {
      this.#changed = true;
      this.#wake?.();
    };
    this.#watcher = startWatching(dir, changed);
    until.then(changed, changed);
  }

  /** Resolves at the next change, or at once when there was one since the last call. */
  async change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, recheckMs);
    if (!this.#changed) await promise;
    clearTimeout(timer);
    this.#wake = undefined;
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }
}

function startWatching(dir: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dir, onChange);
    // The directory may be removed while it is watched; the signal every second continues.
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
