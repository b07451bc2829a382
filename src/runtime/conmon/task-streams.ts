import { isAlive, type PollThread } from "../../linux/index.ts";
import type { Logger } from "../../logging/index.ts";
import { MonitorConsole } from "../attach/monitor-console.ts";
import type { AttachLock } from "../cgroups/attach-lock.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { ContainerFreezer } from "../cgroups/container-freezer.ts";
import type { ExecContext } from "../exec/exec-context.ts";
import { execStreamed } from "../exec/exec-streamed.ts";
import { execSync } from "../exec/exec-sync.ts";
import type { MemoryRelease } from "../exec/memory-release.ts";
import type { SealedPrograms } from "../oci-runtime/sealed-programs.ts";
import { followSizes } from "../streams/follow-sizes.ts";
import type { ExecRequest, ExecResult, StreamedExecRequest, TaskIo } from "../tasks.ts";
import { readBundleSpec } from "./bundle-spec.ts";
import { MonitorControl } from "./monitor-control.ts";
import { reopenLog } from "./reopen-log.ts";
import type { TaskFiles } from "./task-files.ts";
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
  readonly logger: Logger;
};

/** What is read and written of a task that runs: its log, the streams of its first process and of commands beside it. */
export class TaskStreams implements Disposable {
  readonly #options: TaskStreamsOptions;
  readonly #freezer: ContainerFreezer;
  readonly #control: MonitorControl;
  #console: MonitorConsole | undefined;

  constructor(options: TaskStreamsOptions, freezer: ContainerFreezer) {
    this.#options = options;
    this.#freezer = freezer;
    this.#control = new MonitorControl(options.files.control);
  }

  async execSync(record: TaskRecord, request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    const result = await execSync(await this.#execContext(record), request, signal);
    this.#options.memory.add(result.stdout.length + result.stderr.length);
    return result;
  }

  async exec(
    record: TaskRecord,
    request: StreamedExecRequest,
    io: TaskIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }> {
    return execStreamed(await this.#execContext(record), request, io, signal);
  }

  async attach({ console, init }: TaskRecord, io: TaskIo, signal: AbortSignal): Promise<void> {
    const { id: containerId, files, pollThread, slowClientMs } = this.#options;
    const { bundleDir } = files;
    const hasEnded = async () => !(await isAlive(init.pid, init.startTime));
    const options = { containerId, bundleDir, pollThread, slowClientMs, hasEnded, ...console };
    this.#console ??= new MonitorConsole(options);
    // A size that conmon does not take leaves the terminal as it is.
    if (console.terminal) followSizes(io.resize, (size) => this.#control.resize(size)).catch(() => undefined);
    await this.#console.attach(io, signal);
  }

  reopenLog({ logPath, monitor }: TaskRecord): Promise<void> {
    return reopenLog(this.#control, monitor, logPath);
  }

  /** Takes off those that are attached. */
  [Symbol.dispose](): void {
    this.#console?.[Symbol.dispose]();
  }

  async #execContext({ handler, cgroupDir, streamOwner }: TaskRecord): Promise<ExecContext> {
    this.#options.attachLock.warm();
    const { id, conmonPath, programs, cgroupDriver, files, pollThread, logger } = this.#options;
    const { process, linux } = await readBundleSpec(files);
    return {
      containerId: id,
      handler,
      program: await programs.pathFor(handler),
      conmonPath,
      cgroupDriver,
      bundleDir: files.bundleDir,
      process,
      hostPids: !linux.namespaces.some(({ type }) => type === "pid"),
      streamOwner,
      cgroup: cgroupDir === undefined ? undefined : { directory: cgroupDir, freezer: this.#freezer },
      drainTimeoutMs: this.#options.drainExecSyncIoTimeoutMs,
      logger,
      pollThread,
    };
  }
}
