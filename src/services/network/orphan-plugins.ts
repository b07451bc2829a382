import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno, readIfThere } from "../../ground/fs/index.ts";

/** How long to wait after SIGKILL: a process that is stuck in the kernel does not die. */
const deathMs = 2000;

/** Pauses between checks of the processes, which become longer. */
const pauseMs = { first: 5, last: 200 };

type Orphan = { readonly pid: number; readonly sandboxId: string; readonly command: string };

/**
 * Plugins that still run although nobody waits for them: their daemon was killed, or the plugin that started
 * them. An orphaned ADD is killed, since it would create things after a DEL has looked for them, and nobody
 * would remove them. An orphaned DEL may finish, since it removes things in a certain order.
 */
export class OrphanPlugins {
  readonly #atStart: Set<string>;
  readonly #pluginTimeoutMs: number;
  #first: Promise<readonly Orphan[]> | undefined;

  /**
   * `sandboxIds`: sandboxes that were attached, or being attached, before this daemon started its first
   * plugin.
   */
  constructor(sandboxIds: readonly string[], pluginTimeoutMs: number) {
    this.#atStart = new Set(sandboxIds);
    this.#pluginTimeoutMs = pluginTimeoutMs;
  }

  /**
   * Must be awaited before a DEL for a sandbox, while no plugin is being run for it; takes at most a plugin's
   * timeout.
   */
  async endFor(sandboxId: string): Promise<void> {
    if (await this.#hadNoneAtStart(sandboxId)) return;
    let orphans = await orphansOf(sandboxId);
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
      orphans = await orphansOf(sandboxId);
    }
  }

  /**
   * Most sandboxes of an earlier daemon have none: one look at the processes settles that for all of them.
   */
  async #hadNoneAtStart(sandboxId: string): Promise<boolean> {
    if (!this.#atStart.delete(sandboxId)) return false;
    this.#first ??= findOrphans().catch((error: unknown) => {
      this.#first = undefined;
      throw error;
    });
    return !(await this.#first).some((orphan) => orphan.sandboxId === sandboxId);
  }
}

async function orphansOf(sandboxId: string): Promise<readonly Orphan[]> {
  return (await findOrphans()).filter((orphan) => orphan.sandboxId === sandboxId);
}

/**
 * A plugin and the processes that it started have the sandbox's id in their environment (section 2 of the
 * specification, "Parameters").
 */
async function findOrphans(): Promise<readonly Orphan[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid): Promise<readonly Orphan[]> => {
    const environment = (await readIfThere(`/proc/${pid}/environ`).catch(ignoreForeign)) ?? "";
    const variable = (name: string) => new RegExp(`(?:^|\0)${name}=([^\0]*)`).exec(environment)?.[1];
    const sandboxId = variable("CNI_CONTAINERID");
    return sandboxId === undefined
      ? []
      : [{ pid: Number(pid), sandboxId, command: variable("CNI_COMMAND") ?? "" }];
  });
  return (await Promise.all(found)).flat();
}

/** A process with more privileges than this daemon was started by somebody else. */
function ignoreForeign(error: unknown): undefined {
  if (!isErrno(error, "EACCES", "EPERM")) throw error;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
