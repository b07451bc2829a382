import { type FSWatcher, readdirSync, watch } from "node:fs";
import { resolve, sep } from "node:path";

const retryMs = 5000;

/**
 * Calls back whenever something may have changed in a directory, which need not exist, in the directories in
 * it, or in what its symbolic links lead to: also when it, or any directory on the way to it, is created,
 * removed or replaced. A kernel watch belongs to the directory and not to the path, so every directory on the
 * way is watched for its next component, and all of them again after each event. The topmost comes first, so
 * that it reports what is created below it in the meantime. If no watch can be set (the user's inotify limit
 * is reached), it calls back every 5 seconds.
 */
export class PathWatcher implements Disposable {
  readonly #path: string;
  readonly #onChange: () => void;
  #watchers: readonly FSWatcher[] = [];
  #retry: NodeJS.Timeout | undefined;

  constructor(path: string, onChange: () => void) {
    this.#path = resolve(path);
    this.#onChange = onChange;
    this.#watch();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #changed(): void {
    this[Symbol.dispose]();
    this.#watch();
    this.#onChange();
  }

  #watch(): void {
    const watchers: FSWatcher[] = [];
    const own = [this.#path, ...directoriesIn(this.#path)].map(
      (directory) => [directory, undefined] as const,
    );
    for (const [directory, next] of [...ancestors(this.#path), ...own]) {
      try {
        watchers.push(this.#watchFor(directory, next));
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#watchers = watchers;
  }

  /** Reports events of `name` in a directory, or of every name if it is undefined. */
  #watchFor(directory: string, name: string | undefined): FSWatcher {
    const watcher = watch(directory, { persistent: false }, (_, changed) => {
      if (name === undefined || changed === null || changed === name) this.#changed();
    });
    watcher.on("error", (error) => this.#failed(error));
    return watcher;
  }

  /** A missing directory needs no watch: the one above it reports its creation. */
  #failed(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#changed(), retryMs).unref();
  }
}

/**
 * Each directory on the way to `path`, with the name of its next component, the topmost first: ["/", "etc"],
 * ["/etc", "cni"].
 */
function ancestors(path: string): readonly (readonly [directory: string, next: string])[] {
  const components = path.split(sep).slice(1);
  return components.map((next, depth) => [`/${components.slice(0, depth).join(sep)}`, next]);
}

/** And the symbolic links in it: those that lead to a file are watched for its changes. */
function directoriesIn(path: string): readonly string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    const may = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
    return may.map(({ name }) => `${path}/${name}`);
  } catch {
    // Then the watch of the directory fails, too, and says why.
    return [];
  }
}
