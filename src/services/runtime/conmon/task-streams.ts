import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { isAlive, type PollThread } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { MonitorConsole } from "../attach/monitor-console.ts";
import type { AttachLock } from "../cgroups/attach-lock.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { ContainerFreezer } from "../cgroups/container-freezer.ts";
import type { ExecContext } from "../exec/exec-context.ts";
import { ExecProcess, type ExecProcessOptions } from "../exec/exec-process.ts";
import { ExecProcesses } from "../exec/exec-processes.ts";
import { execSync } from "../exec/exec-sync.ts";
import type { MemoryRelease } from "../exec/memory-release.ts";
import { openExecIo } from "../exec/open-exec-io.ts";
import { execStreamed } from "../exec/run-to-end.ts";
import type { SealedPrograms } from "../oci-runtime/sealed-programs.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciProcess, OciSpec } from "../spec/types.ts";
import { followSizes } from "../streams/terminal-sizes.ts";
import type { PublishTask } from "../task-events.ts";
import type {
  Command,
  ExecRequest,
  ExecResult,
  Process,
  StreamedExecRequest,
  TaskIo,
  TerminalSize,
} from "../tasks.ts";
import { MonitorControl } from "./monitor-control.ts";
import { nextLogBeside, nextLogInBundle } from "./next-log.ts";
import { reopenLog } from "./reopen-log.ts";
import { readBundleSpec, type TaskFiles } from "./task-files.ts";
import type { TaskRecord } from "./task-record.ts";

export type TaskStreamsOptions = {
  readonly id: string;
  readonly files: TaskFiles;
  readonly conmonPath: string;
  readonly programs: SealedPrograms;
  readonly attachLock: AttachLock;
  readonly cgroupDriver: CgroupDriver;
  /** See ConmonTasksOptions. */
  readonly drainExecSyncIoTimeoutMs: number;
  readonly slowClientMs: number;
  readonly pollThread: PollThread;
  readonly memory: MemoryRelease;
  readonly publish: PublishTask;
  readonly logger: Logger;
};

/**
 * What is read and written of a task that runs: its log, the streams of its first process and of commands
 * beside it.
 */
export class TaskStreams implements Disposable {
  readonly #options: TaskStreamsOptions;
  readonly #freezer: ContainerFreezer;
  readonly #control: MonitorControl;
  readonly #processes = new ExecProcesses();
  #console: MonitorConsole | undefined;
  #rotation: Promise<void> = Promise.resolve();

  constructor(options: TaskStreamsOptions, freezer: ContainerFreezer) {
    this.#options = options;
    this.#freezer = freezer;
    this.#control = new MonitorControl(options.files.control);
  }

  get processes(): ExecProcesses {
    return this.#processes;
  }

  async exec(record: TaskRecord, command: Command): Promise<Process> {
    const { id: containerId, publish } = this.#options;
    this.#processes.checkFree(command.id, containerId);
    const options = { ...(await this.#execOptions(record, command)), publish };
    try {
      const process = this.#processes.add(options);
      publish("/tasks/exec-added", { containerId, execId: command.id });
      return process;
    } catch (error) {
      await options.io[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #execOptions(record: TaskRecord, { id, process, io }: Command): Promise<ExecProcessOptions> {
    const { files, pollThread } = this.#options;
    const spec = await readBundleSpec(files);
    const whole =
      process.kind === "whole" ? process.process : likeFirst(spec.process, process.args, io.terminal);
    const context = await this.#execContext(record, spec);
    return {
      id,
      context,
      process: whole,
      io: await openExecIo(io, { pollThread, streamOwner: record.streamOwner }),
    };
  }

  /** Of a command that nobody else may ask for. */
  async #unlisted(record: TaskRecord, command: Command): Promise<ExecProcess> {
    return new ExecProcess(await this.#execOptions(record, command));
  }

  async execSync(record: TaskRecord, request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    const { id: containerId, drainExecSyncIoTimeoutMs: drainTimeoutMs, logger } = this.#options;
    const exec = (command: Command) => this.#unlisted(record, command);
    const result = await execSync(exec, request, { containerId, drainTimeoutMs, logger }, signal);
    this.#options.memory.add(result.stdout.length + result.stderr.length);
    return result;
  }

  execStreamed(
    record: TaskRecord,
    request: StreamedExecRequest,
    io: TaskIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }> {
    return execStreamed((command) => this.#unlisted(record, command), request, io, signal);
  }

  async attach({ console, init }: TaskRecord, io: TaskIo, signal: AbortSignal): Promise<void> {
    const { id: containerId, files, pollThread, slowClientMs } = this.#options;
    if (console === undefined)
      throw new RuntimeError(
        "FailedPrecondition",
        `attach to container ${containerId}: its streams belong to the client that created it; open those`,
      );
    const { bundleDir } = files;
    const options = { containerId, bundleDir, pollThread, slowClientMs, hasEnded: endOf(init), ...console };
    this.#console ??= new MonitorConsole(options);
    // A size that conmon does not take leaves the terminal as it is.
    if (console.terminal) followSizes(io.resize, (size) => this.#control.resize(size)).catch(() => undefined);
    await this.#console.attach(io, signal);
  }

  async resize({ console }: TaskRecord, size: TerminalSize): Promise<void> {
    if (console?.terminal === true) return this.#control.resize(size);
    throw new RuntimeError("FailedPrecondition", `resize container ${this.#options.id}: it has no terminal`);
  }

  /** One after the other: conmon knows one name for its next log. */
  reopenLog(record: TaskRecord, lookUp: LookUp): Promise<void> {
    const reopened = this.#rotation.then(() => this.#reopenLog(record, lookUp));
    this.#rotation = reopened.catch(() => undefined);
    return reopened;
  }

  /** Resolves when no log is being reopened. */
  rotated(): Promise<void> {
    return this.#rotation;
  }

  async #reopenLog({ logPath: path, logIsOffered, monitor }: TaskRecord, lookUp: LookUp): Promise<void> {
    if (path === undefined) return;
    const place = { path, lookUp };
    const { files } = this.#options;
    const next = logIsOffered ? nextLogInBundle(place, files, monitor.pid) : nextLogBeside(place);
    await reopenLog(this.#control, monitor, place, next);
  }

  /** Takes off those that are attached. */
  [Symbol.dispose](): void {
    this.#console?.[Symbol.dispose]();
  }

  async #execContext(
    { handler, cgroupDir, streamOwner, init }: TaskRecord,
    { linux }: OciSpec,
  ): Promise<ExecContext> {
    this.#options.attachLock.warm();
    const { id, conmonPath, programs, cgroupDriver, files } = this.#options;
    return {
      containerId: id,
      handler,
      program: await programs.pathFor(handler),
      conmonPath,
      cgroupDriver,
      bundleDir: files.bundleDir,
      hostPids: !linux.namespaces.some(({ type }) => type === "pid"),
      streamOwner,
      cgroup: cgroupDir === undefined ? undefined : { directory: cgroupDir, freezer: this.#freezer },
      hasEnded: endOf(init),
    };
  }
}

/** Asks the kernel whether it has ended. */
function endOf({ pid, startTime }: TaskRecord["init"]): () => Promise<boolean> {
  return async () => !(await isAlive(pid, startTime));
}

/** As the peers: programs do little on a terminal of which they do not know the kind. */
function likeFirst(first: OciProcess, args: readonly string[], terminal: boolean): OciProcess {
  const hasType = first.env.some((variable) => variable.startsWith("TERM="));
  const env = hasType || !terminal ? first.env : [...first.env, "TERM=xterm"];
  return { ...first, args, env };
}
