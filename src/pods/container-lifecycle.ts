import { isDeepStrictEqual } from "node:util";
import { type Container, type Containers, EngineError, type ExecOutcome } from "../engine/index.ts";
import { ContainerConfig, type PodSandboxConfig } from "../protocol/index.ts";
import type { Task } from "../runtime/index.ts";
import { inspectContainer } from "./container-inspect.ts";
import { newContainerRecord, taskSpec } from "./container-spec.ts";
import { type ContainerDraft, containerSteps } from "./container-steps.ts";
import { containerView, exitedState } from "./container-view.ts";
import { nowNs } from "./ids.ts";
import { JoinedCalls } from "./joined-calls.ts";
import { KeyLock } from "./key-lock.ts";
import type { ContainerRecord, SandboxRecord } from "./records.ts";
import type { PodServices } from "./services.ts";
import { runSteps, type Step, UndoError, undoSteps } from "./steps.ts";
import { stopTask } from "./stop-task.ts";
import { taskIdentity } from "./task-identity.ts";

/** The life of containers: create, start, stop, remove, exec. */
export class ContainerLifecycle implements Containers {
  readonly #services: PodServices;
  readonly #steps: readonly Step<ContainerDraft>[];
  readonly #creates = new JoinedCalls<string>();
  readonly #locks = new KeyLock();

  constructor(services: PodServices) {
    this.#services = services;
    this.#steps = containerSteps(services);
  }

  create(
    sandboxId: string,
    config: ContainerConfig,
    _sandboxConfig: PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string> {
    const sandbox = this.#readySandbox(sandboxId);
    return this.#creates.join(
      containerName(sandbox.id, config),
      () => this.#createOnce(sandbox, config),
      signal,
    );
  }

  async #createOnce(sandbox: SandboxRecord, config: ContainerConfig): Promise<string> {
    const existing = this.#existing(sandbox, config);
    if (existing !== undefined) return existing.id;
    const record = newContainerRecord(sandbox, config, this.#services);
    const draft: ContainerDraft = { record, user: record.user };
    const { id } = record;
    await using _ = await this.#locks.acquire(id);
    await this.#services.containers.save(record);
    try {
      await runSteps(
        this.#steps,
        draft,
        this.#services.observer,
        this.#services.logger.child({ container: id }),
      );
      // The pod may have been stopped meanwhile; what was made in it then must not stay.
      await this.#readySandboxOrUndo(draft);
    } catch (error) {
      await this.#giveUp(record, error);
      throw error;
    }
    await this.#services.containers.save({ ...record, user: draft.user, phase: { kind: "created" } });
    this.#services.events.publish("created", id, sandbox.id);
    return id;
  }

  /** See SandboxLifecycle: a client that did not hear the answer gets the container that was made. */
  #existing(sandbox: SandboxRecord, config: ContainerConfig): ContainerRecord | undefined {
    const name = containerName(sandbox.id, config);
    const existing = this.#services.containers
      .list()
      .find((record) => containerName(record.sandboxId, record.config) === name);
    if (existing === undefined) return undefined;
    const same = isDeepStrictEqual(ContainerConfig.toJSON(existing.config), ContainerConfig.toJSON(config));
    if (existing.phase.kind === "created" && same) return existing;
    const why = same ? `is ${existing.phase.kind}` : "has another configuration";
    throw new EngineError(
      "AlreadyExists",
      `container ${existing.id} of this pod has the same name and attempt and ${why}; remove it, or ask for the next attempt`,
    );
  }

  async #readySandboxOrUndo(draft: ContainerDraft): Promise<void> {
    try {
      this.#readySandbox(draft.record.sandboxId);
    } catch (error) {
      await undoSteps(this.#steps, draft, error);
      throw error;
    }
  }

  async #giveUp(record: ContainerRecord, error: unknown): Promise<void> {
    if (error instanceof UndoError) {
      await this.#services.containers.save({
        ...record,
        phase: neverRan("creating it failed and could not be undone"),
      });
    } else {
      await this.#services.containers.delete(record.id);
    }
  }

  #readySandbox(idOrPrefix: string): SandboxRecord {
    const sandbox = this.#services.sandboxes.get(idOrPrefix);
    if (sandbox.phase !== "ready") {
      throw new EngineError(
        "FailedPrecondition",
        `pod sandbox ${sandbox.id} is not ready; a container needs a sandbox that runs`,
      );
    }
    return sandbox;
  }

  async start(idOrPrefix: string): Promise<void> {
    const { id } = this.#services.containers.get(idOrPrefix);
    await using _ = await this.#locks.acquire(id);
    const record = this.#services.containers.get(id);
    const sandbox = this.#readySandbox(record.sandboxId);
    if (record.phase.kind !== "created") {
      const state = containerView(record, this.#services.taskTable.get(id)).state.kind;
      throw new EngineError(
        "FailedPrecondition",
        `container ${id} is ${state}; only a container that was created and not started yet can be started`,
      );
    }
    const started: ContainerRecord = { ...record, phase: { kind: "started" } };
    try {
      // Said before it is done: a daemon that is cut in between looks for the task.
      const [, task] = await allOrThrow(
        this.#services.containers.save(started),
        this.#createTask(record, sandbox),
      );
      this.#services.taskTable.add(task);
      this.#services.observer("container-start");
      await task.start();
      this.#watch(started, task);
    } catch (error) {
      await this.#startFailed(record, error);
      throw error;
    }
    this.#services.events.publish("started", id, record.sandboxId);
  }

  async #createTask(record: ContainerRecord, sandbox: SandboxRecord): Promise<Task> {
    this.#services.observer("container-task");
    return this.#services.tasks.create(await taskSpec(record, sandbox, this.#services));
  }

  async #startFailed(record: ContainerRecord, error: unknown): Promise<void> {
    await this.#services.taskTable.get(record.id)?.delete();
    this.#services.taskTable.remove(record.id);
    const message = error instanceof Error ? error.message : String(error);
    const at = nowNs();
    const phase = {
      kind: "exited",
      startedAtNs: 0n,
      finishedAtNs: at,
      exitCode: 128,
      reason: "StartError",
      message,
    } as const;
    await this.#services.containers.save({ ...record, phase });
    this.#services.events.publish("stopped", record.id, record.sandboxId);
  }

  /** Writes the end down when it comes, and lets go of what the OCI runtime kept. */
  #watch(record: ContainerRecord, task: Task): void {
    const log = this.#services.logger.child({ container: record.id });
    this.#whenExited(record, task).catch((error: unknown) =>
      log.error({ err: error }, "recording the container's exit failed; it is tried again at the next start"),
    );
  }

  async #whenExited(record: ContainerRecord, task: Task): Promise<void> {
    const exit = await task.wait();
    if (this.#services.taskTable.get(record.id) !== task) return;
    await this.#services.containers.save({ ...record, phase: exitedState(exit) });
    this.#services.events.publish("stopped", record.id, record.sandboxId);
    await task.delete();
    this.#services.taskTable.remove(record.id);
  }

  async stop(idOrPrefix: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const record = this.#services.containers.match(idOrPrefix);
    if (record === undefined) return;
    const task = this.#services.taskTable.get(record.id);
    if (task === undefined) return;
    await stopTask(task, record.stopSignal, timeoutMs, signal);
  }

  /** Ends all containers of a sandbox at once, as kubelets expect: they have had their time. */
  async stopAll(sandboxId: string): Promise<void> {
    await Promise.all(this.#ofSandbox(sandboxId).map((record) => this.stop(record.id, 0)));
  }

  async remove(idOrPrefix: string): Promise<void> {
    const id = this.#services.containers.match(idOrPrefix)?.id;
    if (id === undefined) return;
    await this.stop(id, 0);
    await using _ = await this.#locks.acquire(id);
    const record = this.#services.containers.find(id);
    if (record === undefined) return;
    const task = this.#services.taskTable.get(id);
    // Started between the stop above and the lock.
    if (task !== undefined) await stopTask(task, record.stopSignal, 0);
    this.#services.taskTable.remove(id);
    await task?.delete();
    await undoSteps(this.#steps, { record, user: record.user });
    await this.#services.containers.delete(id);
    this.#services.events.publish("deleted", id, record.sandboxId);
  }

  async removeAll(sandboxId: string): Promise<void> {
    await Promise.all(this.#ofSandbox(sandboxId).map((record) => this.remove(record.id)));
  }

  #ofSandbox(sandboxId: string): readonly ContainerRecord[] {
    return this.#services.containers.list().filter((record) => record.sandboxId === sandboxId);
  }

  /** Resolves when no container is being made. */
  settled(): Promise<void> {
    return this.#creates.settled();
  }

  get(idOrPrefix: string): Container {
    const record = this.#services.containers.get(idOrPrefix);
    return containerView(record, this.#services.taskTable.get(record.id));
  }

  list(): readonly Container[] {
    return this.#services.containers
      .list()
      .map((record) => containerView(record, this.#services.taskTable.get(record.id)));
  }

  async execSync(
    id: string,
    args: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecOutcome> {
    return this.#runningTask(id).execSync({ args, timeoutMs }, signal);
  }

  async reopenLog(id: string): Promise<void> {
    await this.#runningTask(id).reopenLog();
  }

  #runningTask(idOrPrefix: string): Task {
    const container = this.get(idOrPrefix);
    const task = this.#services.taskTable.get(container.id);
    if (task === undefined || container.state.kind !== "running") {
      throw new EngineError(
        "FailedPrecondition",
        `container ${container.id} is not running (${container.state.kind})`,
      );
    }
    return task;
  }

  inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    const record = this.#services.containers.get(id);
    return inspectContainer(record, this.#services);
  }

  /** Takes up the containers after the daemon was away: those running, those that ended meanwhile, those that were cut while being made. */
  async recover(): Promise<void> {
    await Promise.all(this.#services.containers.list().map((record) => this.#recoverOne(record)));
  }

  async #recoverOne(record: ContainerRecord): Promise<void> {
    const log = this.#services.logger.child({ container: record.id });
    if (record.phase.kind === "creating") {
      log.warn("the container was being made when the daemon ended: undoing");
      await undoSteps(this.#steps, { record, user: record.user }).then(
        () => this.#giveUp(record, undefined),
        (error: unknown) => {
          log.error({ err: error }, "undoing failed: the container stays until it is removed");
          return this.#giveUp(record, error);
        },
      );
    }
    if (record.phase.kind !== "started") return;
    const sandbox = this.#services.sandboxes.find(record.sandboxId);
    const task = await this.#services.tasks.attach(taskIdentity(record, sandbox, this.#services));
    this.#services.taskTable.add(task);
    if (task.state().kind === "created") {
      // The daemon was cut between the OCI runtime's create and start: its client saw no answer, so the start has failed.
      log.warn("the container was being started when the daemon ended: its start failed");
      return this.#startFailed(
        record,
        new EngineError("Aborted", "the daemon ended while the container was being started"),
      );
    }
    this.#watch(record, task);
  }
}

/** Waits for both, whatever one does, so that nothing goes on behind the error of the other. */
async function allOrThrow<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return [await a, await b];
}

function containerName(sandboxId: string, config: ContainerConfig): string {
  return JSON.stringify([sandboxId, config.metadata?.name ?? "", config.metadata?.attempt ?? 0]);
}

function neverRan(message: string): Extract<ContainerRecord["phase"], { kind: "exited" }> {
  return {
    kind: "exited",
    startedAtNs: 0n,
    finishedAtNs: nowNs(),
    exitCode: 128,
    reason: "StartError",
    message,
  };
}
