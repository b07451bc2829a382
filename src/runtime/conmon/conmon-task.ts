import { access } from "node:fs/promises";
import { nowNs } from "../../clock/index.ts";
import { hasCode } from "../../errors/index.ts";
import { type CgroupLayout, isAlive } from "../../linux/index.ts";
import { raceAbort } from "../../sync/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { ContainerFreezer } from "../cgroups/container-freezer.ts";
import { killCgroup } from "../cgroups/kill-cgroup.ts";
import { OomWatch } from "../cgroups/oom-watch.ts";
import { dumpProcesses } from "../checkpoint/dump.ts";
import { endLeftDump } from "../checkpoint/end-dump.ts";
import { pauseProcesses } from "../checkpoint/pause.ts";
import { programRuns } from "../checkpoint/program-runs.ts";
import { endLeftExecs } from "../exec/end-left-execs.ts";
import type { Handler } from "../handlers/handler.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import { RuntimeError } from "../runtime-error.ts";
import type {
  ExecRequest,
  ExecResult,
  StreamedExecRequest,
  Task,
  TaskDumpRequest,
  TaskExit,
  TaskIo,
  TaskState,
  TaskUpdate,
} from "../tasks.ts";
import { updateTask } from "../update/update-task.ts";
import { continueRestored } from "./continue-restored.ts";
import { type MonitorExit, readExitFile } from "./exit-file.ts";
import type { ExitWatch } from "./exit-watch.ts";
import { waitForEnd } from "./process-end.ts";
import { removeContainerCgroup, removeLeftovers, removeRuntimeState } from "./remove-leftovers.ts";
import { startProcess } from "./start-process.ts";
import { endStuckMonitor } from "./stuck-monitor.ts";
import { exitOf, lostExit, recordedState, startFailure } from "./task-exit.ts";
import { removeTaskFiles } from "./task-files.ts";
import { type TaskPhase, type TaskRecord, writeTaskRecord } from "./task-record.ts";
import { TaskStreams, type TaskStreamsOptions } from "./task-streams.ts";

export type ConmonTaskOptions = TaskStreamsOptions & {
  /** As configured now; the record's own goes before it. */
  readonly handler: Handler | undefined;
  /** Undefined when there is none: the task is lost. */
  readonly record: TaskRecord | undefined;
  /** Of a task whose record is there but cannot be read: since when it may have run. */
  readonly ranSinceNs?: bigint;
  /** See TaskIdentity. */
  readonly cgroup: string | undefined;
  readonly layout: CgroupLayout;
  readonly exits: ExitWatch;
  /** See ConmonTasksOptions. */
  readonly monitorGraceMs: number;
};

const SIGKILL = 9;
const startTimeoutMs = 60_000;
const deleteTimeoutMs = 60_000;
const freezeTimeoutMs = 30_000;
/** How long a killed process may take to be gone before the OCI runtime is asked to do better, and conmon to follow it. */
const endTimeoutMs = 10_000;

/** {@link Task} of one conmon. */
export class ConmonTask implements Task {
  readonly id: string;
  readonly #options: ConmonTaskOptions;
  readonly #freezer: ContainerFreezer;
  readonly #streams: TaskStreams;
  readonly #exited = Promise.withResolvers<TaskExit>();
  /** Ends what runs in the background for this object. */
  readonly #closed = new AbortController();
  #record: TaskRecord | undefined;
  #state: TaskState;
  #deletion: Promise<void> | undefined;
  /** The daemon has sent SIGKILL. */
  #killed = false;
  #monitorLost = false;
  /** Set once conmon is expected to tell of the end of what was killed. */
  #endExpected = false;
  readonly #oomWatch: OomWatch | undefined;

  constructor(options: ConmonTaskOptions) {
    this.id = options.id;
    this.#options = options;
    this.#freezer = new ContainerFreezer(options.layout, options.record?.cgroupDir, options.files.still);
    this.#streams = new TaskStreams(options, this.#freezer);
    this.#record = options.record;
    this.#state = recordedState(options.record, options.ranSinceNs);
    const { cgroupDir, oomKillsAbove } = options.record ?? {};
    if (this.#state.kind === "exited") this.#exited.resolve(this.#state.exit);
    else options.exits.add(this.id, () => this.#onExitFile());
    if (this.#state.kind !== "exited" && cgroupDir !== undefined && oomKillsAbove !== undefined)
      this.#oomWatch = new OomWatch(cgroupDir);
  }

  state(): TaskState {
    return this.#state;
  }

  async livePid(): Promise<number | undefined> {
    const { init } = this.#record ?? {};
    return init !== undefined && (await isAlive(init.pid, init.startTime)) ? init.pid : undefined;
  }

  async start(signal?: AbortSignal): Promise<void> {
    const record = this.#record;
    if (record === undefined || this.#state.kind !== "created") {
      throw new RuntimeError(
        "FailedPrecondition",
        `start of container ${this.id}: it is ${this.#state.kind}, not created`,
      );
    }
    const startedAtNs = nowNs();
    await this.#enter(record, { kind: "starting", startedAtNs });
    try {
      if (record.restored) await continueRestored(this.id, record, this.#options.files);
      else await startProcess((either) => this.#callStart(record, either), this.#exited.promise, signal);
    } catch (error) {
      await this.#failStart(record, error as Error);
      throw error;
    }
    await this.#enter(record, { kind: "running", startedAtNs });
    if (!this.#isExited()) this.#state = { kind: "running", pid: record.init.pid, startedAtNs };
  }

  #callStart({ handler }: TaskRecord, signal: AbortSignal): Promise<unknown> {
    return this.#callRuntime(handler, ["start", this.id], startTimeoutMs, signal);
  }

  async kill(signal: number): Promise<void> {
    const record = this.#record;
    if (record === undefined) return;
    const { pid, startTime } = record.init;
    if (await isAlive(pid, startTime)) sendSignal(pid, signal);
    if (signal === SIGKILL) this.#expectEnd(record);
  }

  async killAll(): Promise<void> {
    this.#killed = true;
    await this.#killProcesses();
    if (this.#record !== undefined) this.#expectEnd(this.#record);
  }

  /** The end of what was killed comes, also when conmon does not tell of it. */
  #expectEnd(record: TaskRecord): void {
    this.#killed = true;
    if (this.#endExpected || this.#isExited()) return;
    this.#endExpected = true;
    this.#endIfStuck(record).catch((err: unknown) => {
      this.#endExpected = false;
      this.#options.logger.error(
        { err, container: this.id },
        "waiting for the end of a killed container failed; stopping it again tries again",
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
      { container: this.id, conmon: record.monitor.pid, exitCode: ended.exitCode },
      "conmon has not told of the end of a container that was killed, and was ended: the last of its log may be missing",
    );
    await this.#takeExit();
    this.#end(await this.#exitWithoutFile(record, ended.exitCode));
  }

  async #exitWithoutFile(record: TaskRecord, exitCode: number | undefined): Promise<TaskExit> {
    if (exitCode === undefined) return lostExit(record);
    return this.#exitOf({ exitCode, finishedAtNs: nowNs() }, record, this.#killed);
  }

  async #killProcesses(): Promise<void> {
    const record = this.#record;
    if (record?.cgroupDir === undefined) return this.kill(SIGKILL);
    const { pid, startTime } = record.init;
    const holdsAll = !record.killAllOnExit && (await isAlive(pid, startTime));
    await killCgroup(this.#options.layout, record.cgroupDir, holdsAll ? pid : undefined);
  }

  async wait(signal?: AbortSignal): Promise<TaskExit> {
    try {
      return await raceAbort(this.#exited.promise, signal);
    } catch (cause) {
      throw new RuntimeError("Canceled", `wait for container ${this.id}: canceled`, { cause });
    }
  }

  async execSync(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    return this.#streams.execSync(this.#requireRunning("exec"), request, signal);
  }

  async exec(
    request: StreamedExecRequest,
    io: TaskIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }> {
    return this.#streams.exec(this.#requireRunning("exec"), request, io, signal);
  }

  async attach(io: TaskIo, signal: AbortSignal): Promise<void> {
    await this.#streams.attach(this.#requireRunning("attach"), io, signal);
  }

  async pause(): Promise<void> {
    const { handler, restored, init } = this.#requireRunning("pause");
    if (!restored) await programRuns(this.id, init.pid);
    const pause = () => this.#callRuntime(handler, ["pause", this.id], freezeTimeoutMs);
    await this.#freezer.alone(() => pauseProcesses(pause));
  }

  async resume(): Promise<void> {
    const record = this.#record;
    if (record === undefined || this.#isExited()) return;
    await this.#freezer.alone(async () => {
      const state = await this.#askState(record.handler);
      if (state === "paused") await this.#callRuntime(record.handler, ["resume", this.id], freezeTimeoutMs);
    });
  }

  async dump(request: TaskDumpRequest, signal: AbortSignal): Promise<void> {
    const { handler } = await this.#requireAlive("checkpoint");
    const { id, cgroupDriver, files, logger } = this.#options;
    const logPath = files.runtimeLog("checkpoint");
    const livePid = () => this.livePid();
    await dumpProcesses({ id, handler, cgroupDriver, logPath, livePid, logger }, request, signal);
  }

  async endLeftDump(imageDir: string): Promise<void> {
    await endLeftDump(imageDir, { livePid: () => this.livePid(), logger: this.#options.logger });
  }

  async reopenLog(): Promise<void> {
    await this.#streams.reopenLog(this.#requireRunning("reopen log"));
  }

  async update(update: TaskUpdate, signal?: AbortSignal): Promise<void> {
    const { id, files, layout, cgroupDriver } = this.#options;
    const record = await this.#requireAlive("update");
    await updateTask({ id, record, files, layout, cgroupDriver }, update, signal);
  }

  delete(): Promise<void> {
    this.#deletion ??= this.#delete().catch((error: unknown) => {
      this.#deletion = undefined;
      throw error;
    });
    return this.#deletion;
  }

  /** After a restart of the daemon: finds out what happened meanwhile. */
  async recover(): Promise<void> {
    await this.#freezer.recover();
    const directory = this.#record?.cgroupDir;
    const cgroup = directory === undefined ? undefined : { directory, freezer: this.#freezer };
    await endLeftExecs(this.#options.files.bundleDir, cgroup);
    await this.#takeExit();
    const record = this.#record;
    if (this.#isExited() || record === undefined) return;
    if (record.phase.kind === "starting") await this.#askWhetherStarted(record, record.phase.startedAtNs);
    await this.checkMonitor();
  }

  /**
   * Notices that conmon was killed. The container is left running, as by CRI-O: it may be doing well, and whoever wants
   * its log back restarts it.
   */
  async checkMonitor(): Promise<void> {
    const record = this.#record;
    if (record === undefined || this.#monitorLost || this.#isExited()) return;
    if (await isAlive(record.monitor.pid, record.monitor.startTime)) return;
    // It may have ended in the ordinary way.
    await this.#takeExit();
    if (this.#isExited()) return;
    this.#monitorLost = true;
    if (!(await isAlive(record.init.pid, record.init.startTime))) return this.#end(lostExit(record));
    this.#options.logger.error(
      { container: this.id },
      "conmon is gone while its container runs: its log ends here and its exit code will not be known",
    );
    this.#endWithInit(record).catch((err: unknown) => {
      // Looked for again at the next check.
      this.#monitorLost = false;
      this.#options.logger.error({ err, container: this.id }, "following a container without conmon failed");
    });
  }

  async #endWithInit(record: TaskRecord): Promise<void> {
    if (await waitForEnd(record.init, { signal: this.#closed.signal })) this.#end(lostExit(record));
  }

  /** The daemon ends; the task goes on. */
  close(): void {
    this.#closed.abort();
    this.#streams[Symbol.dispose]();
    this.#oomWatch?.[Symbol.dispose]();
    this.#options.exits.remove(this.id);
  }

  #onExitFile(): void {
    this.#takeExit().catch((err: unknown) =>
      this.#options.logger.error(
        { err, container: this.id },
        "reading an exit file failed; it is read again at the next check",
      ),
    );
  }

  /** Takes the exit that conmon wrote, if it did. */
  async #takeExit(): Promise<void> {
    if (this.#isExited()) return;
    const written = await readExitFile(this.#options.files.exit);
    if (written === undefined) return;
    const killed = this.#killed;
    if (this.#record?.killAllOnExit) await this.#killProcesses();
    this.#end(await this.#exitOf(written, this.#record, killed));
  }

  #exitOf(written: MonitorExit, record: TaskRecord | undefined, killed: boolean): Promise<TaskExit> {
    const oomSeen = this.#oomWatch?.seen ?? false;
    return exitOf(written, { record, oomFile: this.#options.files.oom, oomSeen, killed });
  }

  /** The first end is the one that counts. */
  #end(exit: TaskExit): void {
    if (this.#isExited()) return;
    this.#state = { kind: "exited", exit };
    this.#options.exits.remove(this.id);
    this.#oomWatch?.[Symbol.dispose]();
    this.#exited.resolve(exit);
  }

  /** A method, as the compiler takes a state that was looked at once for unchanged across an await. */
  #isExited(): boolean {
    return this.#state.kind === "exited";
  }

  #requireRunning(what: string): TaskRecord {
    if (this.#record === undefined || this.#state.kind !== "running") {
      throw new RuntimeError(
        "FailedPrecondition",
        `${what} in container ${this.id}: it is ${this.#state.kind}, not running`,
      );
    }
    return this.#record;
  }

  /** For what is done to the first process by its pid. */
  async #requireAlive(what: string): Promise<TaskRecord> {
    const record = this.#requireRunning(what);
    if ((await this.livePid()) !== undefined) return record;
    throw new RuntimeError(
      "FailedPrecondition",
      `${what} in container ${this.id}: its first process has ended, of which conmon has not told yet`,
    );
  }

  async #enter(record: TaskRecord, phase: TaskPhase): Promise<void> {
    this.#record = { ...record, phase };
    await writeTaskRecord(this.#options.files.record, this.#record);
  }

  async #failStart(record: TaskRecord, { message }: Error): Promise<void> {
    const atNs = nowNs();
    this.#end(startFailure(message, atNs));
    await this.#enter(record, { kind: "startFailed", message, atNs });
    await this.killAll();
  }

  /** The OCI runtime's word for the container's state. */
  async #askState(handler: Handler): Promise<unknown> {
    const answer: unknown = JSON.parse(await this.#callRuntime(handler, ["state", this.id], startTimeoutMs));
    return typeof answer === "object" && answer !== null && "status" in answer ? answer.status : undefined;
  }

  async #askWhetherStarted(record: TaskRecord, startedAtNs: bigint): Promise<void> {
    // What the OCI runtime restored runs for it; being told to go on twice does no harm.
    if (record.restored) await continueRestored(this.id, record, this.#options.files);
    const waiting = !record.restored && (await this.#isWaiting(record));
    await this.#enter(record, waiting ? { kind: "created" } : { kind: "running", startedAtNs });
    if (!this.#isExited()) this.#state = recordedState(this.#record);
  }

  /** Where the OCI runtime has lost its own files the container passes for running: so it can be stopped and removed. */
  async #isWaiting({ handler }: TaskRecord): Promise<boolean> {
    try {
      return (await this.#askState(handler)) === "created";
    } catch (err) {
      this.#options.logger.error(
        { err, container: this.id },
        "the OCI runtime does not know whether a start was made that the daemon's end cut off; it is taken for made",
      );
      return false;
    }
  }

  /** An OCI runtime that cannot do it, as with damaged files of its own, must not keep the container from being removed: all has been killed. */
  async #callDelete(handler: Handler): Promise<void> {
    try {
      await this.#callRuntime(handler, ["delete", "--force", this.id], deleteTimeoutMs);
    } catch (err) {
      if (!hasCode(err, "Internal")) throw err;
      this.#options.logger.error(
        { err, container: this.id },
        "the OCI runtime cannot delete a container: what it left is removed without it",
      );
    }
  }

  async #delete(): Promise<void> {
    const { id, files } = this.#options;
    const record = this.#record;
    if (record === undefined) return removeLeftovers(this.#options);
    // runc polls ten times a second for the end of what it kills itself.
    await this.killAll();
    await waitForEnd(record.init, { timeoutMs: endTimeoutMs });
    await this.#callDelete(record.handler);
    // An OCI runtime that has lost its own files of the container is content, and leaves this.
    if (await isThere(record.cgroupDir)) await removeContainerCgroup(this.#options);
    await removeRuntimeState(record.handler, id);
    if (!(await waitForEnd(record.monitor, { timeoutMs: endTimeoutMs })))
      sendSignal(record.monitor.pid, SIGKILL);
    await this.#takeExit();
    this.#end(lostExit(record));
    this.close();
    await removeTaskFiles(files);
  }

  async #callRuntime(
    handler: Handler,
    args: readonly [string, ...string[]],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<string> {
    const { cgroupDriver, files, programs } = this.#options;
    const program = await programs.pathFor(handler);
    return callRuntime(
      { handler, program, cgroupDriver, logPath: files.runtimeLog(args[0]), args, timeoutMs },
      signal,
    );
  }
}

async function isThere(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false;
  return access(path).then(
    () => true,
    () => false,
  );
}
