import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { readNow } from "../../../ground/fs/index.ts";

/**
 * Watches a cgroup of version 2 that is gone with its last process, as systemd's scopes are: whether memory
 * ran out has to be seen before that (cgroup v2, memory.events: each change is notified).
 */
export class OomWatch implements Disposable {
  #seen = false;
  readonly #watcher: FSWatcher | undefined;

  constructor(directory: string) {
    // One who cannot look now (EMFILE) looks at the next change, and once more when the container has ended.
    const look = () =>
      oomKills(directory).then(
        (count = 0) => this.#note(count),
        () => undefined,
      );
    try {
      this.#watcher = watch(join(directory, "memory.events"), { persistent: false }, look);
      this.#watcher.on("error", () => this[Symbol.dispose]());
    } catch {
      // The cgroup is gone already, or of version 1.
    }
    look();
  }

  /** Whether the kernel was seen to kill a process of the cgroup because its memory ran out. */
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
 * How many processes of this cgroup, and of those below it with v2, the kernel has killed because memory ran
 * out (memory.events of v2, memory.oom_control of v1). Undefined when the cgroup is gone.
 */
export async function oomKills(directory: string): Promise<number | undefined> {
  const counts = ["memory.events", "memory.oom_control"]
    .map((name) => readNow(join(directory, name)))
    .filter((text) => text !== undefined);
  if (counts.length === 0) return undefined;
  return counts.reduce((sum, text) => sum + Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0), 0);
}
