import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { makeDirectoriesNow } from "../../../ground/directories/index.ts";
import type { HostPaths } from "../../../ground/hostpaths/index.ts";
import { specJson } from "../../../ground/json/index.ts";
import { type CgroupLayout, CgroupOptions, cgroupLayout, PollThread } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { EventPublisher } from "../../events/index.ts";
import { AttachLock } from "../cgroups/attach-lock.ts";
import { checkCgroupUnused } from "../cgroups/cgroup-processes.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import { oomKills } from "../cgroups/oom-watch.ts";
import { placeProcess } from "../cgroups/place-process.ts";
import { containerCgroupDir } from "../cgroups/process-cgroup.ts";
import { restoreSpec } from "../checkpoint/restore.ts";
import { MemoryRelease } from "../exec/memory-release.ts";
import { findHandler, type HandlerTable, type RuncLikeHandler } from "../handlers/handler.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import { SealedPrograms } from "../oci-runtime/sealed-programs.ts";
import { replaceFile } from "../replace-file.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciSpec } from "../spec/types.ts";
import { PassedStreams } from "../streams/passed-streams.ts";
import { giveStreams, streamOwner } from "../streams/stream-owner.ts";
import { withSystemdAnnotations } from "../systemd/systemd-properties.ts";
import { type PublishTask, publishTasks } from "../task-events.ts";
import type { FirstProcessIo, Task, TaskIdentity, TaskSpec, Tasks } from "../tasks.ts";
import { ConmonTask, type ConmonTaskOptions } from "./conmon-task.ts";
import { ExitWatch } from "./exit-watch.ts";
import { orFullDisk } from "./full-disk.ts";
import { keepingHookErrors } from "./hook-errors.ts";
import { LeftRuntimes } from "./left-runtimes.ts";
import { LogFile, type LogPlace, offerLog } from "./log-file.ts";
import { monitorArguments, restoreArguments } from "./monitor-arguments.ts";
import { canRemoveByItself } from "./own-removal.ts";
import { canStartByItself } from "./own-start.ts";
import { hasRuntimeState, removeLeftovers } from "./remove-leftovers.ts";
import { type StartedMonitor, startMonitor } from "./start-monitor.ts";
import { type TaskFiles, taskFiles } from "./task-files.ts";
import {
  findTaskRecord,
  identifyProcess,
  type ProcessIdentity,
  type TaskRecord,
  writeTaskRecord,
} from "./task-record.ts";

export type ConmonTasksOptions = {
  readonly conmonPath: string;
  readonly handlers: HandlerTable;
  readonly cgroupDriver: CgroupDriver;
  /**
   * On a tmpfs, for exit files and console sockets. At most 80 characters, since socket paths are limited.
   */
  readonly stateDir: string;
  /**
   * For access to the OCI runtimes' root directory if a client chose it, since its file system may hang.
   * Undefined if it is on a tmpfs; then berth itself does what an OCI runtime would do there.
   */
  readonly foreignRoot?: HostPaths;
  /** containerd namespace of all tasks, for their events. */
  readonly namespace: string;
  readonly events: EventPublisher;
  readonly logger: Logger;
  /** How long the OCI runtime may take to create a container. Default 240,000, as in CRI-O. */
  readonly createTimeoutMs?: number;
  /**
   * How long to wait for output of an ExecSync after its command has ended, if processes that it left running
   * hold the streams open; 0 is no limit. Default 10,000.
   */
  readonly drainExecSyncIoTimeoutMs?: number;
  /** How long an attached client may read nothing while there is output. Default 10,000. */
  readonly slowClientMs?: number;
  /**
   * How long conmon may take to report the exit of a killed container, or of the OCI runtime that should
   * create one. Default 10,000.
   */
  readonly monitorGraceMs?: number;
  /** How often to check for missed exits and dead conmons. Default 10,000. */
  readonly checkIntervalMs?: number;
};

/** {@link Tasks} with one conmon each. Disposing stops watching; the tasks continue. */
export class ConmonTasks implements Tasks {
  readonly #options: ConmonTasksOptions;
  readonly #layout: CgroupLayout;
  readonly #exitsDir: string;
  readonly #exits: ExitWatch;
  readonly #pollThread = new PollThread();
  readonly #memory = new MemoryRelease();
  readonly #programs = new SealedPrograms();
  readonly #attachLock: AttachLock;
  readonly #cgroupOptions = new CgroupOptions();
  readonly #leftRuntimes = new LeftRuntimes();
  readonly #publish: PublishTask;
  /** Tasks that have not exited. */
  readonly #live = new Set<ConmonTask>();
  readonly #checks: NodeJS.Timeout;

  private constructor(options: ConmonTasksOptions, layout: CgroupLayout, exitsDir: string) {
    this.#options = options;
    this.#layout = layout;
    this.#attachLock = new AttachLock(layout);
    this.#exitsDir = exitsDir;
    this.#publish = publishTasks(options.events, options.namespace);
    this.#exits = new ExitWatch(exitsDir, options.logger);
    this.#checks = setInterval(() => void this.#check(), options.checkIntervalMs ?? 10_000).unref();
  }

  /** Throws RuntimeError FailedPrecondition if no cgroups are mounted. */
  static async open(options: ConmonTasksOptions): Promise<ConmonTasks> {
    const layout = await cgroupLayout();
    if (layout === undefined) {
      throw new RuntimeError("FailedPrecondition", "no cgroups are mounted; mount cgroup2 at /sys/fs/cgroup");
    }
    const exitsDir = join(options.stateDir, "exits");
    await mkdir(exitsDir, { recursive: true, mode: 0o700 });
    return new ConmonTasks(options, layout, exitsDir);
  }

  prewarm(): void {
    this.#attachLock.warm();
  }

  checkUnused(cgroup: string): Promise<void> {
    return checkCgroupUnused(this.#layout, cgroup);
  }

  async create(task: TaskSpec, signal?: AbortSignal): Promise<Task> {
    this.prewarm();
    const handler = usableHandler(this.#options.handlers, task.handler);
    const files = taskFiles(task.id, task.bundleDir, this.#exitsDir);
    const program = await this.#programs.pathFor(handler);
    const made = Promise.resolve(task.spec);
    // Its user gets the error.
    made.catch(() => undefined);
    const args = await this.#monitorArguments(task, handler, program, files, made);
    using deadline = new Deadline(this.#options.createTimeoutMs ?? 240_000, signal);
    deadline.check("create");
    const place = logPlaceOf(task.io);
    await using log = place === undefined ? undefined : await LogFile.open(place);
    await using passed = task.io.kind === "client" ? await PassedStreams.open(task.io) : undefined;
    try {
      if (this.#options.foreignRoot === undefined) makeDirectoriesNow(handler.root, 0o700);
      using _offer = log === undefined ? undefined : offerLog(log, files.log);
      const prepare = async () => this.#writeSpec(task, handler, files, await made);
      const start = () => this.#startMonitor(task, files, args, passed, { prepare, deadline });
      // criu mounts cgroups for itself.
      const started = await (task.restore === undefined ? start() : this.#cgroupOptions.keep(start));
      const record = await this.#newRecord({ ...task, spec: await made }, handler, started, passed?.logger);
      if (record.streamOwner !== undefined) await passed?.giveTo(record.streamOwner);
      writeTaskRecord(files.record, record);
      const adopted = this.#adopt(task, files, { record, kept: await passed?.keep() });
      this.#publish("/tasks/create", {
        containerId: task.id,
        pid: started.init,
        bundleDir: task.bundleDir,
        terminal: consoleOf(task.io)?.terminal ?? false,
        asked: task.asked,
        checkpoint: task.restore?.imageDir,
      });
      return adopted;
    } catch (error) {
      const rootfs = await made.then(
        ({ root }) => [resolve(task.bundleDir, root.path)],
        () => [],
      );
      const told = await orFullDisk(error, [...rootfs, task.bundleDir]);
      await this.#undoCreate(task, handler, files, log).catch((err: unknown) =>
        this.#options.logger.error(
          { err, container: task.id },
          "rolling back a failed creation failed, too; removing the container will retry",
        ),
      );
      throw told;
    }
  }

  async #monitorArguments(
    task: TaskSpec,
    handler: RuncLikeHandler,
    program: string,
    files: TaskFiles,
    spec: Promise<OciSpec>,
  ): Promise<readonly string[]> {
    const restore = task.restore === undefined ? [] : restoreArguments(await spec, task.restore);
    const { cgroupDriver } = this.#options;
    return monitorArguments(task, handler, program, cgroupDriver, files, this.#exitsDir, restore);
  }

  async #writeSpec(
    { restore, bundleDir }: TaskSpec,
    handler: RuncLikeHandler,
    files: TaskFiles,
    made: OciSpec,
  ): Promise<void> {
    const spec = restore === undefined ? made : await restoreSpec(made, bundleDir, handler, this.#layout);
    const annotated = withSystemdAnnotations(spec, handler, this.#options.cgroupDriver, this.#layout);
    replaceFile(files.config, specJson(keepingHookErrors(annotated, handler, files)));
  }

  async #undoCreate(
    task: TaskSpec,
    handler: RuncLikeHandler,
    files: TaskFiles,
    log: LogFile | undefined,
  ): Promise<void> {
    const { cgroupDriver, foreignRoot, logger } = this.#options;
    const { id, cgroup } = task;
    const layout = this.#layout;
    await removeLeftovers({ id, handler, cgroupDriver, cgroup, layout, files, foreignRoot, logger });
    await log?.removeIfEmpty();
  }

  async remove(identity: TaskIdentity): Promise<void> {
    const handler = findHandler(this.#options.handlers, identity.handler);
    const { config } = taskFiles(identity.id, identity.bundleDir, this.#exitsDir);
    const { foreignRoot } = this.#options;
    const isLeft =
      existsSync(config) ||
      (handler !== undefined && (await hasRuntimeState(handler, identity.id, foreignRoot)));
    if (isLeft) await (await this.attach(identity)).delete();
  }

  async attach(identity: TaskIdentity): Promise<Task> {
    const files = taskFiles(identity.id, identity.bundleDir, this.#exitsDir);
    const task = this.#adopt(identity, files, await this.#findRecord(identity.id, files));
    try {
      await task.recover();
    } catch (error) {
      // Whoever tries again gets another one: this one must not tell of the end as well.
      this.#live.delete(task);
      task.close();
      throw error;
    }
    return task;
  }

  /** An unreadable record counts as missing, except for its time. */
  async #findRecord(id: string, files: TaskFiles): Promise<Pick<ConmonTaskOptions, "record" | "ranSinceNs">> {
    const found = await findTaskRecord(files.record);
    if (found.kind === "whole") return { record: found.record };
    if (found.kind === "missing") return { record: undefined };
    this.#options.logger.error(
      { err: found.error, container: id, file: files.record },
      "cannot read the record of a container's processes: treating the container as lost; its leftovers are removed together with it",
    );
    return { record: undefined, ranSinceNs: found.writtenAtNs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#checks);
    for (const task of this.#live) task.close();
    this.#exits[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    await this.#pollThread[Symbol.asyncDispose]();
  }

  #startMonitor(
    task: TaskSpec,
    files: TaskFiles,
    args: readonly string[],
    passed: PassedStreams | undefined,
    { prepare, deadline }: { readonly prepare: () => Promise<void>; readonly deadline: Deadline },
  ): Promise<StartedMonitor> {
    const { conmonPath, stateDir, monitorGraceMs: graceMs = 10_000 } = this.#options;
    const { monitorPidFile } = files;
    const { bundleDir, monitorCgroup } = task;
    const place = async (pid: number) => {
      if (monitorCgroup !== undefined) await placeProcess(this.#layout, monitorCgroup, pid);
    };
    const runtimeLog = files.runtimeLog("create");
    const criuPath = task.restore?.criuPath;
    return startMonitor(
      {
        conmonPath,
        args,
        bundleDir,
        monitorPidFile,
        graceMs,
        temporaryDir: stateDir,
        runtimeLog,
        hookErrors: files.hookErrors,
        place,
        streams: passed?.stdio,
        prepare,
        criuPath,
      },
      deadline,
    );
  }

  async #newRecord(
    task: TaskSpec & { readonly spec: OciSpec },
    handler: RuncLikeHandler,
    { monitor: monitorPid, init: pid }: StartedMonitor,
    logger: ProcessIdentity | undefined,
  ): Promise<TaskRecord> {
    const [owner, init, monitor, cgroupDir] = await Promise.all([
      task.streamOwner ?? streamOwner(pid, task.spec.process.user),
      identifyProcess(pid),
      identifyProcess(monitorPid),
      containerCgroupDir(this.#layout, pid, task),
    ]);
    const oomKillsAbove = await this.#oomKillsAbove(cgroupDir);
    // Open files of restored processes were chosen by the author of the checkpoint.
    if (owner !== undefined && task.restore === undefined && task.io.kind !== "client")
      await giveStreams(pid, owner);
    const isOurs = task.restore === undefined && this.#options.foreignRoot === undefined;
    const killAllOnExit = !hasOwnPidNamespace(task.spec);
    const console = consoleOf(task.io);
    return {
      handler,
      init,
      monitor,
      cgroupDir,
      ...(oomKillsAbove === undefined ? {} : { oomKillsAbove }),
      killAllOnExit,
      logPath: logPlaceOf(task.io)?.path,
      logIsOffered: true,
      ...(console === undefined ? {} : { console }),
      ...(owner === undefined ? {} : { streamOwner: owner }),
      ...(logger === undefined ? {} : { logger }),
      ...(task.restore === undefined ? {} : { restored: true }),
      ...(cgroupDir !== undefined &&
        isOurs &&
        canRemoveByItself(task.spec, handler, this.#options.cgroupDriver) && { removedByUs: true }),
      ...(isOurs && canStartByItself(task.spec, handler) && { startedByUs: true }),
      phase: { kind: "created" },
    };
  }

  async #oomKillsAbove(cgroupDir: string | undefined): Promise<number | undefined> {
    if (cgroupDir === undefined || this.#options.cgroupDriver !== "systemd") return undefined;
    return oomKills(dirname(cgroupDir));
  }

  #adopt(
    { id, handler: name, cgroup }: TaskIdentity,
    files: TaskFiles,
    found: Pick<ConmonTaskOptions, "record" | "ranSinceNs" | "kept">,
  ): ConmonTask {
    const { handlers, conmonPath, cgroupDriver, logger } = this.#options;
    const {
      drainExecSyncIoTimeoutMs = 10_000,
      slowClientMs = 10_000,
      monitorGraceMs = 10_000,
    } = this.#options;
    const handler = findHandler(handlers, name);
    const common = {
      conmonPath,
      programs: this.#programs,
      attachLock: this.#attachLock,
      cgroupDriver,
      layout: this.#layout,
      cgroupOptions: this.#cgroupOptions,
      foreignRoot: this.#options.foreignRoot,
      leftRuntimes: this.#leftRuntimes,
      exits: this.#exits,
      drainExecSyncIoTimeoutMs,
      slowClientMs,
      monitorGraceMs,
      pollThread: this.#pollThread,
      memory: this.#memory,
      publish: this.#publish,
      logger,
    };
    const task = new ConmonTask({ id, handler, cgroup, files, ...found, ...common });
    this.#live.add(task);
    void task.wait().then(() => this.#live.delete(task));
    return task;
  }

  /** Backs up the watch: finds missed exits and killed monitors. */
  async #check(): Promise<void> {
    try {
      await this.#exits.scan();
      for (const task of this.#live) await task.checkMonitor();
    } catch (err) {
      this.#options.logger.error({ err }, "the periodic check of tasks failed; it is retried");
    }
  }
}

function usableHandler(table: HandlerTable, name: string): RuncLikeHandler {
  const handler = findHandler(table, name);
  if (handler === undefined) throw new RuntimeError("InvalidArgument", `runtime handler "${name}" not found`);
  const { usability } = handler;
  if (usability.kind === "usable") return handler;
  throw new RuntimeError(
    "FailedPrecondition",
    `runtime handler "${handler.name}" cannot be used: ${usability.reason}; ${usability.remedy}`,
  );
}

function logPlaceOf(io: FirstProcessIo): LogPlace | undefined {
  if (io.kind !== "console" || io.logPath === undefined) return undefined;
  return { path: io.logPath, lookUp: io.lookUp };
}

function consoleOf(io: FirstProcessIo): TaskRecord["console"] {
  if (io.kind === "client") return undefined;
  if (io.kind === "none") return { terminal: false, stdin: false, stdinOnce: false };
  const { terminal, stdin, stdinOnce } = io;
  return { terminal, stdin, stdinOnce };
}

function hasOwnPidNamespace({ linux }: OciSpec): boolean {
  return linux.namespaces.some(({ type, path }) => type === "pid" && path === undefined);
}
