import { mkdirSync, readFileSync, unlinkSync } from "node:fs";
import { uptime } from "node:os";
import { dirname } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import {
  type CgroupLayout,
  childrenOf,
  isAlive,
  parentOf,
  processGroupOf,
  processStartTime,
} from "../../ground/linux/index.ts";
import { isUnfinishedFile, killExec, replaceFile } from "../../services/runtime/index.ts";
import { memoryDirectory } from "./process-facts.ts";

/** The unit of `startTime` in /proc (proc_pid_stat(5)); the same on every Linux. */
const ticksPerSecond = 100;
/** How long after its request a command may have started whose process Docker has not reported. */
const startTicks = 10 * ticksPerSecond;

/** Identifies a process for good: the start time tells it from later processes with the same pid. */
type Process = { readonly pid: number; readonly startTime: number };

/** What is recorded about a command, to find it without Docker. */
type Trace = {
  /** The first process of its container; undefined if that was already gone. */
  readonly container: Process | undefined;
  /** When the command was requested, in ticks since boot. */
  readonly askedAt: number;
  /** The command's own process, once Docker has reported it. */
  readonly command?: Process;
};

/**
 * Records in a file which process a command is, for as long as it runs. Docker knows that too, but a
 * restarted engine does not know the commands of before, which keep running with their containers if
 * live-restore is on.
 */
export class ExecProcess {
  readonly #file: string;
  #trace: Trace;
  #isForgotten = false;

  private constructor(file: string, trace: Trace) {
    this.#file = file;
    this.#trace = trace;
  }

  /**
   * Writes the record synchronously: the file is on a tmpfs, where that is faster than a round trip through
   * the thread pool.
   */
  static async note(file: string, containerPid: number): Promise<ExecProcess> {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const askedAt = Math.floor(uptime() * ticksPerSecond) - 1;
    const noted = new ExecProcess(file, { container: await processOf(containerPid), askedAt });
    noted.write();
    return noted;
  }

  /**
   * Reads a record of an earlier berthd. If its writing was interrupted, removes the file and returns
   * undefined: the command had not been requested yet, or another file records it.
   */
  static read(file: string): ExecProcess | undefined {
    if (isUnfinishedFile(file)) return void unlinkSync(file);
    return new ExecProcess(file, JSON.parse(readFileSync(file, "utf8")) as Trace);
  }

  /** Adds the command's process, which Docker has reported. */
  async found(pid: number): Promise<void> {
    const command = await processOf(pid);
    if (command !== undefined) this.#trace = { ...this.#trace, command };
  }

  /** Updates the file for the next daemon, unless the command was forgotten in the meantime. */
  write(): void {
    if (!this.#isForgotten) replaceFile(this.#file, JSON.stringify(this.#trace));
  }

  /** Kills the command with its descendants and whatever is left of its session. No error if it is gone. */
  async kill(layout: CgroupLayout): Promise<void> {
    const { command } = this.#trace;
    const found = command === undefined ? await this.#search() : [command];
    for (const { pid, startTime } of found) {
      if (!(await isAlive(pid, startTime))) continue;
      const directory = await memoryDirectory(layout, pid);
      await killExec(undefined, pid, directory === undefined ? undefined : { directory });
    }
  }

  /** Whether Docker has reported the command's process. */
  get isFound(): boolean {
    return this.#trace.command !== undefined;
  }

  /** Removes the record, since the command is gone. */
  forget(): void {
    this.#isForgotten = true;
    try {
      unlinkSync(this.#file);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /**
   * Finds candidates for a command whose process is unknown. Docker's shim is the parent of the container's
   * first process and of its commands, each of which leads its own session; those that started when this
   * command was requested are returned.
   */
  async #search(): Promise<readonly Process[]> {
    const { container, askedAt } = this.#trace;
    if (container === undefined || !(await isAlive(container.pid, container.startTime))) return [];
    const shim = await parentOf(container.pid);
    if (shim === undefined || shim <= 1) return [];
    const found: Process[] = [];
    for (const pid of await childrenOf(shim)) {
      const each = pid === container.pid ? undefined : await processOf(pid);
      if (each === undefined || (await processGroupOf(pid)) !== pid) continue;
      const since = each.startTime - askedAt;
      if (since >= 0 && since <= startTicks) found.push(each);
    }
    return found;
  }
}

async function processOf(pid: number): Promise<Process | undefined> {
  const startTime = pid === 0 ? undefined : await processStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}
