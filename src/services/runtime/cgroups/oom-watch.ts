import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { readNow } from "../../../ground/fs/index.ts";

/**
 * Watches a cgroup of version 2 that disappears with its last process, like systemd's scopes: OOM kills must
 * be noticed before that (memory.events of cgroup v2 notifies of each change).
 */
export class OomWatch implements Disposable {
  #seen = false;
  readonly #watcher: FSWatcher | undefined;

  constructor(directory: string) {
    // If it cannot be read now (EMFILE), it is read at the next change, and once more when the container has
    // ended.
    const look = () =>
      oomKills(directory).then(
        (count = 0) => this.#note(count),
        () => undefined,
      );
    try {
      this.#watcher = watch(join(directory, "memory.events"), { persistent: false }, look);
      this.#watcher.on("error", () => this[Symbol.dispose]());
    } catch {
      // The cgroup no longer exists, or is of version 1.
    }
    look();
  }

  /** Whether the kernel was seen to OOM-kill a process of the cgroup. */
  get seen(): boolean {
    return this.#seen;
  }

  #note(count: number): void {
    this.#seen ||= count > 0;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }
}

/**
 * How many processes of this cgroup, with v2 including its descendants, the kernel has OOM-killed
 * (memory.events of v2, memory.oom_control of v1). Undefined if the cgroup no longer exists.
 */
export async function oomKills(directory: string): Promise<number | undefined> {
  const counts = ["memory.events", "memory.oom_control"]
    .map((name) => readNow(join(directory, name)))
    .filter((text) => text !== undefined);
  if (counts.length === 0) return undefined;
  return counts.reduce((sum, text) => sum + Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0), 0);
}
