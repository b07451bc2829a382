import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../../../ground/clock/index.ts";
import { type CgroupLayout, isAlive, zombieExitCode } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { killCgroup } from "../cgroups/kill-cgroup.ts";
import { OomWatch } from "../cgroups/oom-watch.ts";
import type { TaskExit } from "../tasks.ts";
import type { ExitWatch } from "./exit-watch.ts";
import { waitForEnd } from "./process-end.ts";
import { exitOf, lostExit, type MonitorExit, readExitFile } from "./task-exit.ts";
import type { TaskFiles } from "./task-files.ts";
import type { TaskRecord } from "./task-record.ts";

export type TaskEndOptions = {
  readonly id: string;
  readonly files: TaskFiles;
  readonly layout: CgroupLayout;
  readonly exits: ExitWatch;
  /** See ConmonTasksOptions. */
  readonly monitorGraceMs: number;
  /** Called with the end before it is reported to those who wait for it. Must neither wait nor throw. */
  readonly onExit: (exit: TaskExit) => void;
  readonly logger: Logger;
};

const SIGKILL = 9;

/** The end of a task: caused by signals, read from conmon's exit file, or determined without conmon. */
export class TaskEnd implements Disposable {
  readonly #options: TaskEndOptions;
  /** As it is at that time. */
  readonly #recordNow: () => TaskRecord | undefined;
  readonly #exited = Promise.withResolvers<TaskExit>();
  /** Ends what runs in the background for this object. */
  readonly #closed = new AbortController();
  readonly #oomWatch: OomWatch | undefined;
  #exit: TaskExit | undefined;
  /** The daemon has sent SIGKILL. */
  #killed = false;
  #monitorLost = false;
  /** Set once conmon is expected to tell of the end of what was killed. */
  #endExpected = false;

  /** `exit`: of a task that has ended before. */
  constructor(options: TaskEndOptions, recordNow: () => TaskRecord | undefined, exit: TaskExit | undefined) {
    this.#options = options;
    this.#recordNow = recordNow;
    if (exit !== undefined) {
      this.#exit = exit;
      this.#exited.resolve(exit);
      return;
    }
    options.exits.add(options.id, () => this.#onExitFile());
    const { cgroupDir, oomKillsAbove } = recordNow() ?? {};
    if (cgroupDir !== undefined && oomKillsAbove !== undefined) this.#oomWatch = new OomWatch(cgroupDir);
  }

  exit(): TaskExit | undefined {
    return this.#exit;
  }

  get exited(): Promise<TaskExit> {
    return this.#exited.promise;
  }

  async kill(signal: number): Promise<void> {
    const record = this.#recordNow();
    if (record === undefined) return;
    const { pid, startTime } = record.init;
    if (await isAlive(pid, startTime)) sendSignal(pid, signal);
    if (signal === SIGKILL) this.#expectEnd(record);
  }

  async killAll(): Promise<void> {
    this.#killed = true;
    await this.#killProcesses();
    const record = this.#recordNow();
    if (record !== undefined) this.#expectEnd(record);
  }

  /** Takes the exit that conmon wrote, if it did. */
  async take(): Promise<void> {
    if (this.exit() !== undefined) return;
    const written = readExitFile(this.#options.files.exit);
    if (written === undefined) return;
    const killed = this.#killed;
    const record = this.#recordNow();
    if (record?.killAllOnExit) await this.#killProcesses();
    this.settle(await this.#exitOf(written, this.#recordNow(), killed));
  }

  /** The first end is the one that counts. */
  settle(exit: TaskExit): void {
    if (this.#exit !== undefined) return;
    this.#exit = exit;
    this.#options.exits.remove(this.#options.id);
    this.#oomWatch?.[Symbol.dispose]();
    this.#options.onExit(exit);
    this.#exited.resolve(exit);
  }

  /**
   * Notices that conmon was killed. As in CRI-O, the container is left running: it may work well, and can be
   * restarted to get its log back.
   */
  async checkMonitor(): Promise<void> {
    const record = this.#recordNow();
    if (record === undefined || this.#monitorLost || this.exit() !== undefined) return;
    if (await isAlive(record.monitor.pid, record.monitor.startTime)) return;
    // It may have ended in the ordinary way.
    await this.take();
    if (this.exit() !== undefined) return;
    this.#monitorLost = true;
    if (!(await isAlive(record.init.pid, record.init.startTime))) return this.settle(lostExit(record));
    const { id, logger } = this.#options;
    logger.error(
      { container: id },
      "conmon is gone while its container is running: its log ends here, and its exit code will be unknown",
    );
    this.#endWithInit(record).catch((err: unknown) => {
      // Looked for again at the next check.
      this.#monitorLost = false;
      logger.error({ err, container: id }, "following a container without conmon failed");
    });
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
    this.#oomWatch?.[Symbol.dispose]();
    this.#options.exits.remove(this.#options.id);
  }

  async #killProcesses(): Promise<void> {
    const record = this.#recordNow();
    if (record?.cgroupDir === undefined) return this.kill(SIGKILL);
    const { pid, startTime } = record.init;
    const holdsAll = !record.killAllOnExit && (await isAlive(pid, startTime));
    await killCgroup(this.#options.layout, record.cgroupDir, holdsAll ? pid : undefined);
  }

  /** The end of what was killed comes, also when conmon does not tell of it. */
  #expectEnd(record: TaskRecord): void {
    this.#killed = true;
    if (this.#endExpected || this.#exit !== undefined) return;
    this.#endExpected = true;
    this.#endIfStuck(record).catch((err: unknown) => {
      this.#endExpected = false;
      this.#options.logger.error(
        { err, container: this.#options.id },
        "waiting for a killed container to end failed; stopping it again will retry",
      );
    });
  }

  async #endIfStuck(record: TaskRecord): Promise<void> {
    const exited = new AbortController();
    void this.#exited.promise.then(() => exited.abort());
    const over = AbortSignal.any([exited.signal, this.#closed.signal]);
    const ended = await endStuckMonitor(record, this.#options.monitorGraceMs, over);
    if (ended === false) return;
    this.#options.logger.error(
      { container: this.#options.id, conmon: record.monitor.pid, exitCode: ended.exitCode },
      "conmon did not report the exit of a killed container and was killed: the end of its log may be missing",
    );
    await this.take();
    this.settle(await this.#exitWithoutFile(record, ended.exitCode));
  }

  async #exitWithoutFile(record: TaskRecord, exitCode: number | undefined): Promise<TaskExit> {
    if (exitCode === undefined) return lostExit(record);
    return this.#exitOf({ exitCode, finishedAtNs: nowNs() }, record, this.#killed);
  }

  async #endWithInit(record: TaskRecord): Promise<void> {
    if (await waitForEnd(record.init, { signal: this.#closed.signal })) this.settle(lostExit(record));
  }

  #onExitFile(): void {
    this.take().catch((err: unknown) =>
      this.#options.logger.error(
        { err, container: this.#options.id },
        "reading an exit file failed; it is retried at the next check",
      ),
    );
  }

  #exitOf(written: MonitorExit, record: TaskRecord | undefined, killed: boolean): Promise<TaskExit> {
    const oomSeen = this.#oomWatch?.seen ?? false;
    return exitOf(written, { record, oomFile: this.#options.files.oom, oomSeen, killed });
  }
}

/**
 * For a killed container: kills its conmon if that has not reported the end `graceMs` after the kernel says
 * that the first process is gone, because it is stopped, or writes to a log on a disk that hangs. Resolves
 * with the exit code, which the kernel keeps until the parent collects it; undefined if that has already
 * happened, false if `over` aborts, which means that nothing is left to do.
 */
async function endStuckMonitor(
  { init, monitor }: Pick<TaskRecord, "init" | "monitor">,
  graceMs: number,
  over: AbortSignal,
): Promise<{ readonly exitCode: number | undefined } | false> {
  if (!(await waitForEnd(init, { signal: over }))) return false;
  await sleep(graceMs, undefined, { ref: false, signal: over }).catch(() => undefined);
  if (over.aborted) return false;
  // Before conmon ends: it is the parent.
  const exitCode = await zombieExitCode(init.pid, init.startTime);
  if (await isAlive(monitor.pid, monitor.startTime)) sendSignal(monitor.pid, SIGKILL);
  return { exitCode };
}
