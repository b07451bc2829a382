import { rename, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../../ground/errors/index.ts";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import type { Container } from "../engine/index.ts";
import type { EndedContainers } from "./ended-containers.ts";
import type { EnginePods } from "./engine-pods.ts";
import { oldLog } from "./owned-log.ts";
import { isOwned } from "./ownership.ts";

const periodMs = 2_000;
/** A reader that is further behind loses lines, because disk space is limited. */
const maxLagOfReader = 10;

/**
 * Limits the logs of containers that no kubelet rotates. A log beyond the limit is renamed to PATH.1,
 * replacing the previous one, and the container continues in a new file. While somebody holds the container,
 * only they may remove the old log, after reading it, and the next rotation waits for that.
 */
export class LogLimit {
  readonly #pods: EnginePods;
  readonly #ended: EndedContainers;
  readonly #limitBytes: number;
  readonly #closed = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** `limitBytes` 0 means no limit. */
  constructor(pods: EnginePods, ended: EndedContainers, limitBytes: number) {
    this.#pods = pods;
    this.#ended = ended;
    this.#limitBytes = limitBytes;
  }

  start(): void {
    if (this.#limitBytes > 0) this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      for (const container of this.#growing()) await this.#check(container);
      await delay(periodMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #growing(): readonly Container[] {
    try {
      const mayGrow = (each: Container) =>
        isOwned(each) && each.logPath !== "" && each.state.kind === "running";
      return this.#pods.containers.list().filter(mayGrow);
    } catch (error) {
      // An engine that is away lists none.
      if (hasCode(error, "Unavailable")) return [];
      throw error;
    }
  }

  async #check(container: Container): Promise<void> {
    const { id, logPath, sandboxId } = container;
    const lookUp = this.#pods.hostPaths.of(sandboxId);
    try {
      const size = (await lookUp(logPath, () => statIfThere(logPath)))?.size ?? 0;
      if (size <= this.#limitBytes || !(await lookUp(logPath, () => this.#mayRotate(container, size))))
        return;
      await lookUp(logPath, () => rename(logPath, oldLog(logPath)));
      await this.#reopen(container, lookUp);
    } catch (err) {
      this.#pods.logger.warn(
        { err, container: id },
        "limiting the size of the container's log failed; it keeps growing",
      );
    }
  }

  async #mayRotate({ id, logPath }: Container, size: number): Promise<boolean> {
    if (!this.#ended.isHeld(id) || size > maxLagOfReader * this.#limitBytes) return true;
    return (await statIfThere(oldLog(logPath))) === undefined;
  }

  async #reopen({ id, logPath }: Container, lookUp: LookUp): Promise<void> {
    try {
      await this.#pods.containers.reopenLog(id);
    } catch (error) {
      // It has ended; its log should stay under its own name.
      await lookUp(logPath, async () => {
        if ((await statIfThere(logPath)) === undefined) await rename(oldLog(logPath), logPath);
      });
      if (!hasCode(error, "FailedPrecondition")) throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }
}

async function statIfThere(path: string): Promise<{ readonly size: number } | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
