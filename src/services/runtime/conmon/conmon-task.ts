import { existsSync } from "node:fs";
import { nowNs } from "../../../ground/clock/index.ts";
import type { HostPaths } from "../../../ground/hostpaths/index.ts";
import { type CgroupOptions, isAlive } from "../../../ground/linux/index.ts";
import { KeyLock, raceAbort } from "../../../ground/sync/index.ts";
import { cgroupProcesses, sendSignal } from "../cgroups/cgroup-processes.ts";
import { ContainerFreezer } from "../cgroups/container-freezer.ts";
import { dumpProcesses } from "../checkpoint/dump.ts";
import { pauseProcesses } from "../checkpoint/pause.ts";
import { programRuns } from "../checkpoint/program-runs.ts";
import { endLeftExecs } from "../exec/kill-exec.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { RuntimeError } from "../runtime-error.ts";
import { endLogger } from "../streams/logging-program.ts";
import type { KeptStreams } from "../streams/passed-streams.ts";
import type { PublishTask } from "../task-events.ts";
import type {
  Command,
  ExecRequest,
  ExecResult,
  Process,
  StreamedExecRequest,
  Task,
  TaskDumpRequest,
  TaskExit,
  TaskIo,
  TaskLog,
  TaskState,
  TaskUpdate,
  TerminalSize,
} from "../tasks.ts";
import { updateTask } from "../update/update-task.ts";
import { continueRestored } from "./continue-restored.ts";
import type { LeftRuntimes } from "./left-runtimes.ts";
import { finishOwnStart, startByItself } from "./own-start.ts";
import { waitForEnd } from "./process-end.ts";
import { removeContainerCgroup, removeLeftovers, removeRuntimeState } from "./remove-leftovers.ts";
import { RuntimeCalls } from "./runtime-calls.ts";
import { startProcess } from "./start-process.ts";
import { TaskEnd, type TaskEndOptions } from "./task-end.ts";
import { lostExit, recordedState, startFailure } from "./task-exit.ts";
import { removeTaskFiles } from "./task-files.ts";
import { type TaskPhase, type TaskRecord, writeTaskRecord } from "./task-record.ts";
import { TaskStreams, type TaskStreamsOptions } from "./task-streams.ts";

export type ConmonTaskOptions = TaskStreamsOptions &
  Omit<TaskEndOptions, "onExit"> & {
    /** As configured now; the record's takes precedence. */
    readonly handler: RuncLikeHandler | undefined;
    /** Undefined if there is none: the task is lost. */
    readonly record: TaskRecord | undefined;
    /** If its record cannot be read: since when it may have run. */
    readonly ranSinceNs?: bigint;
    /** See TaskIdentity. */
    readonly cgroup: string | undefined;
    readonly cgroupOptions: CgroupOptions;
    readonly leftRuntimes: LeftRuntimes;
    /** See ConmonTasksOptions. */
    readonly foreignRoot: HostPaths | undefined;
    readonly publish: PublishTask;
    /** Set if this daemon created the task with a client's streams. */
    readonly kept?: KeptStreams | undefined;
  };

const SIGKILL = 9;
/** How long a killed process may take to end before the OCI runtime is called, and conmon is killed. */
const endTimeoutMs = 10_000;

/** {@link Task} of one conmon. */
export class ConmonTask implements Task {
  readonly id: string;
  readonly #options: ConmonTaskOptions;
  readonly #freezer: ContainerFreezer;
  readonly #streams: TaskStreams;
  readonly #runtime: RuntimeCalls;
  readonly #end: TaskEnd;
  #record: TaskRecord | undefined;
  /** Until it ends. */
  #state: TaskState;
  /** This object was asked to start it. */
  #isStartAsked = false;
  #isStarting = false;
  /** Each writes the files of the last one. */
  readonly #updates = new KeyLock();
  #isStartTold = false;
  #deletion: Promise<void> | undefined;

  constructor(options: ConmonTaskOptions) {
    this.id = options.id;
    this.#options = options;
    this.#freezer = new ContainerFreezer(options.layout, options.record?.cgroupDir, options.files.still);
    this.#streams = new TaskStreams(options, this.#freezer);
    this.#runtime = new RuntimeCalls(options);
    this.#record = options.record;
    this.#state = recordedState(options.record, options.ranSinceNs);
    const exit = this.#state.kind === "exited" ? this.#state.exit : undefined;
    this.#end = new TaskEnd({ ...options, onExit: (end) => this.#tellExit(end) }, () => this.#record, exit);
  }

  get log(): TaskLog | undefined {
    if (this.#record?.logPath === undefined) return undefined;
    return {
      reopen: async (lookUp) => this.#streams.reopenLog(this.#requireRunning("reopen log"), lookUp),
    };
  }

  get pid(): number {
    return this.#record?.init.pid ?? 0;
  }

  get cgroup(): string | undefined {
    const { layout } = this.#options;
    const root = layout.kind === "v2" ? layout.v2.mountPoint : layout.v1.get("memory");
    return root === undefined ? undefined : this.#record?.cgroupDir?.slice(root.length);
  }

  state(): TaskState {
    const exit = this.#end.exit();
    return exit === undefined ? this.#state : { kind: "exited", exit };
  }

  async livePid(): Promise<number | undefined> {
    const { init } = this.#record ?? {};
    return init !== undefined && (await isAlive(init.pid, init.startTime)) ? init.pid : undefined;
  }

  async start(signal?: AbortSignal): Promise<void> {
    const record = this.#record;
    const { kind } = this.state();
    if (record === undefined || kind !== "created" || this.#isStartAsked) {
      throw new RuntimeError(
        "FailedPrecondition",
        `start of container ${this.id}: it is ${kind === "created" ? "being started" : kind}, not created`,
      );
    }
    // Before the first await: otherwise an error of a second start would be taken for the first one's
    // failure.
    this.#isStartAsked = true;
    const startedAtNs = nowNs();
    try {
      await this.#enter(record, { kind: "starting", startedAtNs });
    } catch (error) {
      this.#isStartAsked = false;
      throw error;
    }
    this.#isStarting = true;
    const call = (either: AbortSignal) =>
      record.startedByUs === true
        ? startByItself(record.handler, this.id, either)
        : this.#runtime.start(record.handler, either);
    try {
      if (record.restored) await continueRestored(this.id, record, this.#options.files);
      else await startProcess(call, this.#end.exited, signal);
    } catch (error) {
      await this.#failStart(record, error as Error);
      throw error;
    }
    await this.#enter(record, { kind: "running", startedAtNs });
    this.#state = { kind: "running", pid: record.init.pid, startedAtNs };
    this.#tellStart();
  }

  async kill(signal: number): Promise<void> {
    await this.#end.kill(signal);
    // With cgroup v1, even SIGKILL waits until a paused process is thawed.
    if (signal === SIGKILL) await this.#freezer.release();
  }

  async signalAll(signal: number): Promise<void> {
    await this.#freezer.still(async () => {
      for (const pid of await this.pids()) sendSignal(pid, signal);
    });
  }

  killAll(): Promise<void> {
    return this.#end.killAll();
  }

  async wait(signal?: AbortSignal): Promise<TaskExit> {
    try {
      return await raceAbort(this.#end.exited, signal);
    } catch (cause) {
      throw new RuntimeError("Canceled", `wait for container ${this.id}: canceled`, { cause });
    }
  }

  async execSync(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    return this.#streams.execSync(this.#requireRunning("exec"), request, signal);
  }

  async execStreamed(
    request: StreamedExecRequest,
    io: TaskIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }> {
    return this.#streams.execStreamed(this.#requireRunning("exec"), request, io, signal);
  }

  async pids(): Promise<readonly number[]> {
    const { cgroupDir } = this.#record ?? {};
    if (this.#end.exit() !== undefined) return [];
    if (cgroupDir !== undefined) return cgroupProcesses(cgroupDir);
    const pid = await this.livePid();
    return pid === undefined ? [] : [pid];
  }

  async exec(command: Command): Promise<Process> {
    return this.#streams.exec(this.#requireRunning("exec"), command);
  }

  process(id: string): Process {
    const process = this.#streams.processes.find(id);
    if (process !== undefined) return process;
    throw new RuntimeError("NotFound", `container ${this.id} has no process ${id}`);
  }

  processes(): readonly Process[] {
    return this.#streams.processes.all();
  }

  async attach(io: TaskIo, signal: AbortSignal): Promise<void> {
    await this.#streams.attach(this.#requireLive("attach"), io, signal);
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.#streams.resize(this.#requireLive("resize"), size);
  }

  async closeStdin(): Promise<void> {
    const { id, kept, record } = this.#options;
    if (record?.console !== undefined)
      throw new RuntimeError(
        "FailedPrecondition",
        `close stdin of container ${id}: it is not a FIFO; an attached client can end it`,
      );
    await kept?.closeStdin();
  }

  async pause(): Promise<void> {
    const { handler, restored, init } = this.#requireRunning("pause");
    if (!restored) await programRuns(this.id, init.pid);
    await this.#freezer.alone(() => pauseProcesses(() => this.#runtime.pause(handler)));
    this.#options.publish("/tasks/paused", { containerId: this.id });
  }

  async isPaused(): Promise<boolean> {
    return this.state().kind === "running" && (await this.#freezer.isPaused());
  }

  async resume(): Promise<void> {
    const record = this.#record;
    if (record === undefined || this.#end.exit() !== undefined) return;
    if (await this.#freezer.alone(() => this.#runtime.resumeIfPaused(record.handler)))
      this.#options.publish("/tasks/resumed", { containerId: this.id });
  }

  async dump(request: TaskDumpRequest, signal: AbortSignal): Promise<void> {
    const { handler } = await this.#requireAlive("checkpoint", this.#requireRunning("checkpoint"));
    const { id, cgroupDriver, cgroupOptions, files, logger } = this.#options;
    const logPath = files.runtimeLog("checkpoint");
    const livePid = () => this.livePid();
    const call = { id, handler, cgroupDriver, logPath, livePid, logger };
    // criu mounts cgroups for itself.
    await cgroupOptions.keep(() => dumpProcesses(call, request, signal));
    this.#options.publish("/tasks/checkpointed", { containerId: id, checkpoint: request.imageDir });
  }

  async update(update: TaskUpdate, signal?: AbortSignal): Promise<void> {
    const { id, cgroup, files, layout, cgroupDriver } = this.#options;
    using _turn = await this.#updates.acquire("", signal);
    const record = await this.#requireAlive("update", this.#requireLive("update"));
    await updateTask({ id, cgroup, record, files, layout, cgroupDriver }, update, signal);
  }

  delete(): Promise<void> {
    this.#deletion ??= this.#delete().catch((error: unknown) => {
      this.#deletion = undefined;
      throw error;
    });
    return this.#deletion;
  }

  /** After a restart of the daemon: finds out what has happened. */
  async recover(): Promise<void> {
    const { files, leftRuntimes } = this.#options;
    // Before anything is looked at that they might change.
    await leftRuntimes.endFor(files, this.#record !== undefined);
    await this.#freezer.recover();
    const directory = this.#record?.cgroupDir;
    const cgroup = directory === undefined ? undefined : { directory, freezer: this.#freezer };
    await endLeftExecs(files.bundleDir, cgroup);
    await this.#end.take();
    const record = this.#record;
    if (this.#end.exit() !== undefined || record === undefined) return;
    if (record.phase.kind === "starting") await this.#checkStarted(record, record.phase.startedAtNs);
    await this.checkMonitor();
  }

  /** See {@link TaskEnd.checkMonitor}. */
  checkMonitor(): Promise<void> {
    return this.#end.checkMonitor();
  }

  /** The daemon ends; the task continues. */
  close(): void {
    this.#streams[Symbol.dispose]();
    void this.#options.kept?.[Symbol.asyncDispose]();
    this.#end[Symbol.dispose]();
  }

  /** Created or running. */
  #requireLive(what: string): TaskRecord {
    if (this.#record !== undefined && this.state().kind !== "exited") return this.#record;
    throw new RuntimeError("FailedPrecondition", `${what} in container ${this.id}: it has exited`);
  }

  #requireRunning(what: string): TaskRecord {
    const { kind } = this.state();
    if (this.#record === undefined || kind !== "running") {
      throw new RuntimeError(
        "FailedPrecondition",
        `${what} in container ${this.id}: it is ${kind}, not running`,
      );
    }
    return this.#record;
  }

  /** For operations on the first process by its pid. */
  async #requireAlive(what: string, record: TaskRecord): Promise<TaskRecord> {
    if ((await this.livePid()) !== undefined) return record;
    throw new RuntimeError(
      "FailedPrecondition",
      `${what} in container ${this.id}: its first process has ended, but conmon has not reported it yet`,
    );
  }

  async #enter(record: TaskRecord, phase: TaskPhase): Promise<void> {
    this.#record = { ...record, phase };
    writeTaskRecord(this.#options.files.record, this.#record);
  }

  async #failStart(record: TaskRecord, { message }: Error): Promise<void> {
    const atNs = nowNs();
    this.#end.settle(startFailure(message, atNs));
    await this.#enter(record, { kind: "startFailed", message, atNs });
    await this.killAll();
  }

  async #checkStarted(record: TaskRecord, startedAtNs: bigint): Promise<void> {
    // To the OCI runtime, restored processes are running; resuming them twice does no harm.
    if (record.restored) await continueRestored(this.id, record, this.#options.files);
    const begun = record.startedByUs === true && (await finishOwnStart(record.handler, this.id));
    const waiting = !record.restored && !begun && (await this.#runtime.isWaiting(record.handler));
    await this.#enter(record, waiting ? { kind: "created" } : { kind: "running", startedAtNs });
    this.#state = recordedState(this.#record);
  }

  async #delete(): Promise<void> {
    const { id, files } = this.#options;
    const record = this.#record;
    if (record === undefined) return removeLeftovers(this.#options);
    // runc polls ten times a second for the end of what it kills itself.
    await this.killAll();
    await waitForEnd(record.init, { timeoutMs: endTimeoutMs });
    await this.#streams.processes.deleteAll();
    const byUs = record.removedByUs === true && this.#options.cgroup !== undefined;
    const byRuntime = !byUs && (await this.#runtime.delete(record.handler));
    // An OCI runtime that has lost its files of the container succeeds without removing this.
    if (!byRuntime || record.cgroupDir === undefined || existsSync(record.cgroupDir))
      await removeContainerCgroup(this.#options);
    await removeRuntimeState(record.handler, id, this.#options.foreignRoot);
    if (!(await waitForEnd(record.monitor, { timeoutMs: endTimeoutMs })))
      sendSignal(record.monitor.pid, SIGKILL);
    await this.#end.take();
    this.#end.settle(lostExit(record));
    this.close();
    await this.#streams.rotated();
    if (record.logger !== undefined) await endLogger(record.logger);
    await removeTaskFiles(files);
    const exit = this.#end.exit();
    if (exit !== undefined) this.#options.publish("/tasks/delete", endedProcess(record, id, exit));
  }

  /** Once, and before the exit of a process that ended at once. */
  #tellStart(): void {
    if (this.#isStartTold || this.#record === undefined) return;
    this.#isStartTold = true;
    this.#options.publish("/tasks/start", { containerId: this.id, pid: this.#record.init.pid });
  }

  #tellExit(exit: TaskExit): void {
    const { publish } = this.#options;
    const record = this.#record;
    if (record === undefined) return;
    if (this.#isStarting && exit.cause !== "startError") this.#tellStart();
    if (exit.cause === "oomKilled") publish("/tasks/oom", { containerId: this.id });
    publish("/tasks/exit", { id: this.id, ...endedProcess(record, this.id, exit) });
  }
}

function endedProcess({ init }: TaskRecord, containerId: string, { exitCode, finishedAtNs }: TaskExit) {
  return { containerId, pid: init.pid, exitCode, exitedAtNs: finishedAtNs };
}
