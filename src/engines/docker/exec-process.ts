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
import { memoryDirectory } from "./process-cgroup.ts";

/** Of `startTime` in /proc (proc_pid_stat(5)), on every machine that Linux runs on. */
const ticksPerSecond = 100;
/** A command whose process Docker has not told may have started so long after it was asked for. */
const startTicks = 10 * ticksPerSecond;

/** A process, known for good: a pid is used again. */
type Process = { readonly pid: number; readonly startTime: number };

/** What is known of a command without Docker. */
type Trace = {
  /** The first process of its container; undefined for one that was gone. */
  readonly container: Process | undefined;
  /** When it was asked for, in ticks since boot. */
  readonly askedAt: number;
  /** Its own process, once Docker has told that. */
  readonly command?: Process;
};

/**
 * Where a command's process is, in a file for as long as it runs. Docker knows that too, but an engine that
 * starts anew knows none of the commands of before, which go on with its containers where it has
 * live-restore.
 */
export class ExecProcess {
  readonly #file: string;
  #trace: Trace;
  #isForgotten = false;

  private constructor(file: string, trace: Trace) {
    this.#file = file;
    this.#trace = trace;
  }

  /** Writes it down; the file is on a tmpfs, where that takes less than a turn of the thread pool. */
  static async note(file: string, containerPid: number): Promise<ExecProcess> {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const askedAt = Math.floor(uptime() * ticksPerSecond) - 1;
    const noted = new ExecProcess(file, { container: await processOf(containerPid), askedAt });
    noted.write();
    return noted;
  }

  /**
   * Reads what an earlier process of ours has written. Undefined, with the file taken away, for what that was
   * cut off in the midst of: Docker had not been asked for the command, or another file tells of it.
   */
  static read(file: string): ExecProcess | undefined {
    if (isUnfinishedFile(file)) return void unlinkSync(file);
    return new ExecProcess(file, JSON.parse(readFileSync(file, "utf8")) as Trace);
  }

  /** Docker has told the command's process. */
  async found(pid: number): Promise<void> {
    const command = await processOf(pid);
    if (command !== undefined) this.#trace = { ...this.#trace, command };
  }

  /** For the next daemon; nothing of a command that was forgotten meanwhile. */
  write(): void {
    if (!this.#isForgotten) replaceFile(this.#file, JSON.stringify(this.#trace));
  }

  /**
   * Kills the command with all that descends from it or is left of its session; no error for one that is
   * gone.
   */
  async kill(layout: CgroupLayout): Promise<void> {
    const { command } = this.#trace;
    const found = command === undefined ? await this.#search() : [command];
    for (const { pid, startTime } of found) {
      if (!(await isAlive(pid, startTime))) continue;
      const directory = await memoryDirectory(layout, pid);
      await killExec(undefined, pid, directory === undefined ? undefined : { directory });
    }
  }

  /** Whether Docker has told the command's process. */
  get isFound(): boolean {
    return this.#trace.command !== undefined;
  }

  /** The command is gone. */
  forget(): void {
    this.#isForgotten = true;
    try {
      unlinkSync(this.#file);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /**
   * The parent of a container's first process, Docker's shim, is that of its commands too, each of which
   * leads a session of its own: those that began when ours did.
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
