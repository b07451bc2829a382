import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../../../ground/logging/index.ts";
import type { Durability } from "../../../ground/metadata/index.ts";
import {
  ContainerConfig,
  type LinuxContainerResources,
  type PodSandboxConfig,
} from "../../../ground/protocol/index.ts";
import { JoinedCalls, KeyLock } from "../../../ground/sync/index.ts";
import type { ArchiveSource } from "../../../services/checkpoint/index.ts";
import type { OciSpec, Task } from "../../../services/runtime/index.ts";
import {
  type Container,
  type ContainerRootfs,
  type Containers,
  EngineError,
  type ExecOutcome,
} from "../../engine/index.ts";
import { isOwned, removeLog } from "../../ownedpods/index.ts";
import { whilePaused } from "../checkpoint/freeze.ts";
import { beginJournal } from "../checkpoint/journal.ts";
import { dumpDirectory } from "../checkpoint/paths.ts";
import type { ContainerDraft, ContainerRecord, SandboxRecord } from "../records/records.ts";
import { Retries } from "../records/retries.ts";
import { runSteps, type Step, UndoError, undoSteps } from "../records/steps.ts";
import type { PodServices } from "../services.ts";
import { ContainerTasks } from "../tasks/container-tasks.ts";
import { runningTask } from "../tasks/running-task.ts";
import { killTask, stopTask } from "../tasks/stop-task.ts";
import { removeUnreadableContainer, stopUnreadableContainer } from "../tasks/unreadable.ts";
import { WorkUnderWay } from "../tasks/work-under-way.ts";
import { draftContainer, saveDraft } from "./container-draft.ts";
import { inspectContainer, shownSpec } from "./container-inspect.ts";
import { updateResources } from "./container-resources.ts";
import { containerSteps } from "./container-steps.ts";
import { ContainerViews, containerView, neverStarted } from "./container-view.ts";
import { mountPointsOf } from "./mount-points.ts";
import { requirePrivileged } from "./privileged.ts";

/** The life cycle of containers: create, start, stop, remove, exec. */
export class ContainerLifecycle implements Containers {
  readonly #services: PodServices;
  readonly #steps: readonly Step<ContainerDraft>[];
  readonly #creates = new JoinedCalls<string>();
  readonly #locks = new KeyLock();
  readonly #tasks: ContainerTasks;
  readonly #work = new WorkUnderWay();
  readonly #retries: Retries;
  /** Tasks that were sent their stop signal. */
  readonly #asked = new WeakSet<Task>();
  /** Ids of containers being created, which no client knows yet. */
  readonly #making = new Set<string>();
  readonly #views = new ContainerViews();

  constructor(services: PodServices) {
    this.#services = services;
    this.#steps = containerSteps(services);
    this.#tasks = new ContainerTasks(services, this.#locks);
    this.#retries = new Retries(services.logger);
  }

  create(
    sandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string> {
    const sandbox = this.#services.usableSandboxes.get(sandboxId);
    requirePrivileged(config, [sandboxConfig, sandbox.config]);
    return this.#createJoined(undefined, sandbox, config, signal);
  }

  /** Like {@link create}, from the checkpoint in an archive, whose process must be the one in `config`. */
  createFrom(
    archive: ArchiveSource | undefined,
    sandboxId: string,
    config: ContainerConfig,
    signal?: AbortSignal,
  ): Promise<string> {
    const sandbox = this.#services.usableSandboxes.get(sandboxId);
    requirePrivileged(config, [sandbox.config]);
    return this.#createJoined(archive, sandbox, config, signal);
  }

  #createJoined(
    archive: ArchiveSource | undefined,
    sandbox: SandboxRecord,
    config: ContainerConfig,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    return this.#creates.join(
      containerName(sandbox.id, config),
      JSON.stringify([archive, ContainerConfig.toJSON(config)]),
      () => this.#createOnce(sandbox, config, archive),
      signal,
    );
  }

  async #createOnce(
    sandbox: SandboxRecord,
    config: ContainerConfig,
    archive: ArchiveSource | undefined,
  ): Promise<string> {
    const existing = this.#existing(sandbox, config);
    if (existing !== undefined) return existing.id;
    // Kubelets start a container right after creating it.
    this.#services.tasks.prewarm();
    using holds = new DisposableStack();
    const draft = await draftContainer(sandbox, config, archive, this.#services, holds);
    const { id } = draft;
    this.#making.add(id);
    try {
      using _ = await this.#locks.acquire(id);
      await this.#make(await saveDraft(draft, this.#services));
      this.#services.observer("container-made");
      this.#services.events.container("created", id, sandbox.id);
      return id;
    } finally {
      this.#making.delete(id);
    }
  }

  async #make(record: ContainerRecord): Promise<void> {
    const { observer } = this.#services;
    const logger = this.#services.logger.child({ container: record.id });
    const draft = draftOf(record);
    try {
      await runSteps(this.#steps, draft, { observer, logger });
    } catch (error) {
      await this.#giveUp(record, error).catch((err: unknown) =>
        logger.error({ err }, "the record of a container whose creation failed stays until the next start"),
      );
      throw error;
    } finally {
      // If the rollback ended before the snapshot, a later removal would wait for it.
      await draft.snapshot?.discard();
    }
  }

  /** See SandboxLifecycle: a client that missed the response gets the existing container. */
  #existing(sandbox: SandboxRecord, config: ContainerConfig): ContainerRecord | undefined {
    const existing = this.#services.containers
      .list()
      .find((record) => record.sandboxId === sandbox.id && haveSameName(record.config, config));
    if (existing === undefined) return undefined;
    const same = isDeepStrictEqual(ContainerConfig.toJSON(existing.config), ContainerConfig.toJSON(config));
    if (existing.phase.kind === "created" && same) return existing;
    const why = same ? `is ${existing.phase.kind}` : "has another configuration";
    throw new EngineError(
      "AlreadyExists",
      `container ${existing.id} of this pod has the same name and attempt, and ${why}; remove it, or use the next attempt`,
    );
  }

  /**
   * Once its steps are undone, the record is deleted, too; if undoing failed, it stays so that a removal can
   * retry.
   */
  async #giveUp(record: ContainerRecord, error: unknown): Promise<void> {
    const { containers } = this.#services;
    if (error instanceof UndoError)
      await containers.save({
        ...record,
        phase: neverStarted("creation failed and could not be rolled back"),
      });
    else await containers.delete(record.id);
  }

  async start(idOrPrefix: string): Promise<void> {
    const { id } = this.#services.containers.get(idOrPrefix);
    await this.whileHeld([id], "started", (stopped) => this.#start(id, stopped));
  }

  async #start(id: string, stopped: AbortSignal): Promise<void> {
    const record = this.#services.containers.get(id);
    const state = containerView(record, this.#services.taskTable.get(id)).state.kind;
    // Its client missed the response to an earlier call.
    if (state === "running") return;
    const sandbox = this.#services.usableSandboxes.get(record.sandboxId);
    if (state !== "created" || record.phase.kind !== "created") {
      throw new EngineError(
        "FailedPrecondition",
        `container ${id} is ${state}; only a created container that has not been started yet can be started`,
      );
    }
    await this.#tasks.start(record, sandbox, stopped);
  }

  async update(idOrPrefix: string, resources: LinuxContainerResources): Promise<void> {
    const { id } = this.#services.containers.get(idOrPrefix);
    using _ = await this.#locks.acquire(id);
    const record = this.#services.containers.get(id);
    const task = await this.#tasks.find(record);
    await this.#services.containers.save(await updateResources(record, task, resources, this.#services));
  }

  async stop(idOrPrefix: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#services.containers.findUnreadable(idOrPrefix) !== undefined) {
      using _ = await this.#locks.acquire(idOrPrefix);
      return stopUnreadableContainer(idOrPrefix, this.#services);
    }
    const id = this.#services.containers.match(idOrPrefix)?.id;
    if (id === undefined) return;
    const record = this.#services.containers.find(id);
    if (record === undefined || this.#isReadAtItsEnd(record)) return;
    const task = await this.#settledTask(id);
    if (task === undefined) return;
    await stopTask(task, { signal: record.stopSignal, timeoutMs, asked: this.#asked }, signal);
  }

  /**
   * The task, after work in progress has finished: a start that was requested before must not outlive the
   * stop.
   */
  async #settledTask(id: string): Promise<Task | undefined> {
    using _ = await this.#acquireSoon(id);
    const record = this.#services.containers.find(id);
    return record === undefined ? undefined : await this.#tasks.find(record);
  }

  /** A commit of a container of which nothing is left to stop may go on. */
  #isReadAtItsEnd({ id, phase }: ContainerRecord): boolean {
    const hasTask = this.#services.taskTable.get(id) !== undefined;
    return phase.kind === "exited" && !hasTask && this.#work.isOnly(id, "read");
  }

  /** The container's lock, before which work in progress is ended after a moment. */
  async #acquireSoon(id: string): Promise<Disposable> {
    using _ = this.#work.endSoon(id);
    return await this.#locks.acquire(id);
  }

  /** Kills all containers of a sandbox at once, as kubelets expect: their grace periods are over. */
  async stopAll(sandboxId: string): Promise<void> {
    await Promise.all(this.#ofSandbox(sandboxId).map((id) => this.stop(id, 0)));
  }

  remove(idOrPrefix: string): Promise<void> {
    return this.#remove(idOrPrefix, "atOnce");
  }

  async #remove(idOrPrefix: string, durability: Durability): Promise<void> {
    if (this.#services.containers.findUnreadable(idOrPrefix) !== undefined) {
      using _ = await this.#locks.acquire(idOrPrefix);
      return removeUnreadableContainer(idOrPrefix, this.#services);
    }
    const id = this.#services.containers.match(idOrPrefix)?.id;
    if (id === undefined) return;
    await this.stop(id, 0);
    using _ = await this.#acquireSoon(id);
    const record = this.#services.containers.find(id);
    if (record === undefined) return;
    await this.#end(record);
    const { observer, containers, events, images } = this.#services;
    await undoSteps(this.#steps, draftOf(record), observer);
    if (isOwned(record)) await removeLog(record, this.#services);
    observer("container-delete");
    await containers.delete(id, durability);
    events.containerDeleted(record);
    for (const { imageId } of [record, ...(record.imageVolumes ?? [])]) images.released(imageId);
  }

  /** Kills a task that was started between a stop and the lock, and removes it. */
  async #end(record: ContainerRecord): Promise<void> {
    const task = await this.#tasks.find(record);
    if (task !== undefined) await killTask(task);
    if (record.phase.kind === "started")
      this.#services.events.container("stopped", record.id, record.sandboxId);
    await this.#tasks.delete(record);
  }

  /** Those of a pod whose record is deleted next: their deletions reach the disk with it. */
  async removeAll(sandboxId: string): Promise<void> {
    await Promise.all(this.#ofSandbox(sandboxId).map((id) => this.#remove(id, "withNext")));
  }

  /** The ids of its containers, including those whose records cannot be read. */
  #ofSandbox(sandboxId: string): readonly string[] {
    const { containers } = this.#services;
    return [...containers.list(), ...containers.unreadable()]
      .filter((record) => record.sandboxId === sandboxId)
      .map(({ id }) => id);
  }

  /** Locks these containers until the returned object is disposed. */
  hold(ids: readonly string[]): Promise<Disposable> {
    return this.#locks.acquireAll(ids);
  }

  /**
   * Calls `work` while these containers are locked. When one of them is to be stopped, the signal is aborted,
   * or the wait for the locks ends.
   */
  async whileHeld<T>(
    ids: readonly string[],
    what: string,
    work: (stopped: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return await this.#work.run(ids, what, async (stopped) => {
      using _ = await this.#locks.acquireAll(ids, stopped);
      return await work(stopped);
    });
  }

  /** Stops recording exits, and resolves when no container is being created. */
  async close(): Promise<void> {
    this.#retries[Symbol.dispose]();
    this.#tasks[Symbol.dispose]();
    await this.#creates.settled();
  }

  get(idOrPrefix: string): Container {
    const record = this.#services.containers.get(idOrPrefix);
    return containerView(record, this.#services.taskTable.get(record.id));
  }

  list(): readonly Container[] {
    return this.#services.containers
      .list()
      .filter(({ id }) => !this.#making.has(id))
      .map((record) => this.#views.of(record, this.#services.taskTable.get(record.id)));
  }

  expectExec(): void {
    this.#services.tasks.prewarm();
  }

  async execSync(
    id: string,
    args: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecOutcome> {
    return runningTask(this.#services, id).execSync({ args, timeoutMs }, signal);
  }

  async reopenLog(id: string): Promise<void> {
    const { hostPaths, containers } = this.#services;
    const lookUp = hostPaths.of(containers.get(id).sandboxId);
    await runningTask(this.#services, id).log?.reopen(lookUp);
  }

  async withRootfs<T>(
    idOrPrefix: string,
    { pause }: { readonly pause: boolean },
    use: (rootfs: ContainerRootfs, stopped: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { id } = this.#services.containers.get(idOrPrefix);
    return await this.whileHeld([id], "read", async (stopped) => {
      const record = this.#services.containers.get(id);
      const rootfs = { snapshotKey: id, imageId: record.imageId, mountPoints: mountPointsOf(record) };
      const task = this.#services.taskTable.get(id);
      if (!pause || task?.state().kind !== "running") return await use(rootfs, stopped);
      this.#services.pendingRollbacks.refuse(record);
      return await this.#whilePaused(task, () => use(rootfs, stopped));
    });
  }

  /** With a journal: if the daemon ends meanwhile, the next one resumes it. */
  async #whilePaused<T>(task: Task, work: () => Promise<T>): Promise<T> {
    // A pause of somebody else's is not the next daemon's to end.
    if (await task.isPaused()) return await work();
    const { checkpointDir, trash } = this.#services;
    const directory = dumpDirectory(checkpointDir, task.id);
    await beginJournal(directory, { containerIds: [task.id], partial: [] });
    try {
      return await whilePaused([task], work);
    } finally {
      await trash.take(directory);
    }
  }

  inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    const record = this.#services.containers.get(id);
    return inspectContainer(record, this.#services);
  }

  /**
   * The OCI specification of its process if it has one, otherwise the one that it would get. Throws
   * EngineError NotFound.
   */
  async spec(id: string): Promise<OciSpec> {
    return await shownSpec(this.#services.containers.get(id), this.#services);
  }

  /**
   * Recovers the containers after a restart of the daemon: running ones, ones that ended in the meantime, and
   * ones whose creation was interrupted. One that cannot be recovered must not affect the others: its state
   * is unknown until a later try succeeds, or it is removed.
   */
  async recover(): Promise<void> {
    const ids = this.#services.containers.list().map(({ id }) => id);
    await Promise.all(
      ids.map((container) =>
        this.#retries.run("recovering the container", { container }, () => this.#recoverOne(container)),
      ),
    );
  }

  async #recoverOne(id: string): Promise<void> {
    using _ = await this.#locks.acquire(id);
    const record = this.#services.containers.find(id);
    if (record?.phase.kind === "creating")
      await this.#undoCut(record, this.#services.logger.child({ container: id }));
    else if (record !== undefined) await this.#tasks.recover(record);
  }

  async #undoCut(record: ContainerRecord, logger: Logger): Promise<void> {
    logger.warn("the container was being created when the daemon ended: rolling back");
    const undone = undoSteps(this.#steps, draftOf(record), this.#services.observer);
    const error = await undone.catch((error: unknown) => error);
    await this.#giveUp(record, error);
    if (error !== undefined)
      logger.error({ err: error }, "rolling it back failed; it stays until it is removed");
  }
}

function draftOf(record: ContainerRecord): ContainerDraft {
  return { record, user: record.user };
}

/** Without making texts, as it is asked of every container. */
function haveSameName({ metadata: one }: ContainerConfig, { metadata: other }: ContainerConfig): boolean {
  return one?.name === other?.name && one?.attempt === other?.attempt;
}

function containerName(sandboxId: string, config: ContainerConfig): string {
  return JSON.stringify([sandboxId, config.metadata?.name ?? "", config.metadata?.attempt ?? 0]);
}
