import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that is stuck in the kernel does not die of SIGKILL; it is not waited for longer than this. */
const deathMs = 2000;
const pauseMs = 5;

/**
 * Plugins that run on after the daemon that started them was killed. An ADD among them would go on making what the DEL of
 * the next daemon has just looked for, and nobody would take that away again.
 */
export class OrphanPlugins {
  readonly #sandboxIds: ReadonlySet<string>;
  #end: Promise<void> | undefined;

  /** `sandboxIds`: those that were attached, or being attached, before this daemon started its first plugin. */
  constructor(sandboxIds: readonly string[]) {
    this.#sandboxIds = new Set(sandboxIds);
  }

  /** To be awaited before the first plugin is run for a sandbox. Looks at the processes once, for all sandboxes. */
  async endFor(sandboxId: string): Promise<void> {
    if (!this.#sandboxIds.has(sandboxId)) return;
    this.#end ??= this.#endAll();
    await this.#end;
  }

  async #endAll(): Promise<void> {
    for (let waitedMs = 0; waitedMs < deathMs; waitedMs += pauseMs) {
      const pids = await this.#find();
      if (pids.length === 0) return;
      for (const pid of pids) kill(pid);
      await sleep(pauseMs);
    }
  }

  /** A plugin, and what it has started, has the sandbox's id in its environment (section 2 of the specification, "Parameters"). */
  async #find(): Promise<readonly number[]> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const found = pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      const id = /(?:^|\0)CNI_CONTAINERID=([^\0]*)/.exec(environment)?.[1];
      return id !== undefined && this.#sandboxIds.has(id) ? [Number(pid)] : [];
    });
    return (await Promise.all(found)).flat();
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
