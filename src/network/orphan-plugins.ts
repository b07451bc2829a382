import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that is stuck in the kernel does not die of SIGKILL; it is not waited for longer than this. */
const deathMs = 2000;

/** Between two looks at the processes, which grow rarer the longer it takes. */
const pauseMs = { first: 5, last: 200 };

type Orphan = { readonly pid: number; readonly sandboxId: string; readonly command: string };

/**
 * Plugins that run on after the daemon that started them was killed. An ADD among them would go on making what the DEL of
 * the next daemon has just looked for, and nobody would take that away again: it is killed. A DEL is let finish: cut off half-way, it
 * has taken away what the next DEL would need to find the rest (the bridge plugin finds a pod's rules by its interface).
 */
export class OrphanPlugins {
  readonly #sandboxIds: ReadonlySet<string>;
  readonly #pluginTimeoutMs: number;
  readonly #ends = new Map<string, Promise<void>>();
  #first: Promise<readonly Orphan[]> | undefined;

  /** `sandboxIds`: those that were attached, or being attached, before this daemon started its first plugin. */
  constructor(sandboxIds: readonly string[], pluginTimeoutMs: number) {
    this.#sandboxIds = new Set(sandboxIds);
    this.#pluginTimeoutMs = pluginTimeoutMs;
  }

  /** To be awaited before the first plugin is run for a sandbox; takes as long as a plugin may at most. */
  async endFor(sandboxId: string): Promise<void> {
    if (!this.#sandboxIds.has(sandboxId)) return;
    const end = this.#ends.get(sandboxId) ?? this.#end(sandboxId);
    this.#ends.set(sandboxId, end);
    await end;
  }

  /** Most sandboxes have none, which one look at the processes tells for all. */
  async #end(sandboxId: string): Promise<void> {
    this.#first ??= findOrphans();
    let orphans = (await this.#first).filter((orphan) => orphan.sandboxId === sandboxId);
    const startedMs = performance.now();
    let deadMs = startedMs;
    for (let pause = pauseMs.first; orphans.length > 0; pause = Math.min(pause * 2, pauseMs.last)) {
      const nowMs = performance.now();
      const isLate = nowMs - startedMs > this.#pluginTimeoutMs;
      const working = isLate ? [] : orphans.filter(({ command }) => command === "DEL");
      if (working.length > 0) deadMs = nowMs;
      else if (nowMs - deadMs > deathMs) return;
      for (const orphan of orphans) if (!working.includes(orphan)) kill(orphan.pid);
      await sleep(pause);
      orphans = (await findOrphans()).filter((orphan) => orphan.sandboxId === sandboxId);
    }
  }
}

/** A plugin, and what it has started, has the sandbox's id in its environment (section 2 of the specification, "Parameters"). */
async function findOrphans(): Promise<readonly Orphan[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid): Promise<readonly Orphan[]> => {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    const variable = (name: string) => new RegExp(`(?:^|\0)${name}=([^\0]*)`).exec(environment)?.[1];
    const sandboxId = variable("CNI_CONTAINERID");
    return sandboxId === undefined
      ? []
      : [{ pid: Number(pid), sandboxId, command: variable("CNI_COMMAND") ?? "" }];
  });
  return (await Promise.all(found)).flat();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
