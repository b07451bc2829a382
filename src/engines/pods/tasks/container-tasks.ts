import { nowNs } from "../../../ground/clock/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import { exists } from "../../../ground/fs/index.ts";
import type { KeyLock } from "../../../ground/sync/index.ts";
import type { Task } from "../../../services/runtime/index.ts";
import { forgetCheckpoint, resetNamespaces } from "../checkpoint/restore-step.ts";
import { exitedState, neverStarted } from "../container/container-view.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import { Retries } from "../records/retries.ts";
import type { PodServices } from "../services.ts";
import { taskIdentity, taskSpec } from "./task-spec.ts";

/**
 * The tasks of containers: created at the start, watched until the exit, which is recorded, and found again
 * after a restart of the daemon. All methods require the container's lock.
 */
export class ContainerTasks implements Disposable {
  readonly #services: PodServices;
  readonly #locks: KeyLock;
  readonly #retries: Retries;
  readonly #watched = new WeakSet<Task>();

  constructor(services: PodServices, locks: KeyLock) {
    this.#services = services;
    this.#locks = locks;
    this.#retries = new Retries(services.logger);
  }

  /** Stops recording exits; the next daemon does. */
  [Symbol.dispose](): void {
    this.#retries[Symbol.dispose]();
  }

  /** If it fails, or `signal` aborts it, the container is `exited` with a StartError. */
  async start(record: ContainerRecord, sandbox: SandboxRecord, signal: AbortSignal): Promise<void> {
    const { containers, observer, events } = this.#services;
    const started: ContainerRecord = { ...record, phase: { kind: "started", atNs: nowNs() } };
    try {
      // After a crash here, the next daemon finds the task from the record, or from its bundle.
      const [task] = await allOrThrow(this.#create(record, sandbox, signal), containers.save(started));
      if (record.restore !== undefined) await resetNamespaces(sandbox, this.#services);
      observer("container-start");
      await task.start(signal);
      this.#watch(task);
    } catch (error) {
      await this.#startFailed(record, error);
      throw error;
    }
    if (record.restore !== undefined) await forgetCheckpoint(record, this.#services);
    observer("container-started");
    events.container("started", record.id, record.sandboxId);
  }

  async #create(record: ContainerRecord, sandbox: SandboxRecord, signal: AbortSignal): Promise<Task> {
    const { observer, tasks, taskTable } = this.#services;
    observer("container-task");
    const task = await tasks.create(await taskSpec(record, sandbox, this.#services), signal);
    taskTable.add(task);
    return task;
  }

  /** The caller must get the error of the start, whatever else fails. */
  async #startFailed(record: ContainerRecord, error: unknown): Promise<void> {
    const { containers, events, logger } = this.#services;
    const ends = await Promise.allSettled([
      this.delete(record),
      containers.save({ ...record, phase: neverStarted(messageOf(error)) }),
    ]);
    events.container("stopped", record.id, record.sandboxId);
    const log = logger.child({ container: record.id });
    for (const end of ends) {
      if (end.status === "rejected")
        log.error(
          { err: end.reason },
          "rolling back a failed start failed; removing the container will retry",
        );
    }
  }

  /** Records the exit when it happens, and removes the OCI runtime's state; once for each task. */
  #watch(task: Task): void {
    if (this.#watched.has(task)) return;
    this.#watched.add(task);
    void this.#retries.run("recording the container's exit", { container: task.id }, () =>
      this.#whenExited(task),
    );
  }

  async #whenExited(task: Task): Promise<void> {
    const { containers, taskTable, observer, events } = this.#services;
    const exit = await task.wait();
    using _ = await this.#locks.acquire(task.id);
    const record = containers.find(task.id);
    // It was removed in the meantime.
    if (record === undefined || taskTable.get(task.id) !== task) return;
    // Otherwise it is recorded, and only the deletion failed.
    if (record.phase.kind === "started") {
      try {
        observer("container-exit");
        await containers.save({ ...record, phase: exitedState(exit, record.phase.atNs) });
      } finally {
        // Also true if it cannot be recorded now: then the task and its exit file stay.
        events.container("stopped", record.id, record.sandboxId);
      }
      observer("container-exited");
    }
    await this.delete(record);
  }

  /** The task of a started container, if it is not deleted yet. Throws what attaching to it throws. */
  async find(record: ContainerRecord): Promise<Task | undefined> {
    const { tasks, taskTable, sandboxes } = this.#services;
    const known = taskTable.get(record.id);
    if (known !== undefined || record.phase.kind !== "started") return known;
    const task = await tasks.attach(taskIdentity(record, sandboxes.find(record.sandboxId), this.#services));
    taskTable.add(task);
    return task;
  }

  /**
   * Removes the task with everything that belongs to it, also after an interrupted creation or deletion. Not
   * an error if there is none.
   */
  async delete(record: ContainerRecord): Promise<void> {
    const { tasks, taskTable, sandboxes } = this.#services;
    const known = taskTable.get(record.id);
    if (known !== undefined) await known.delete();
    else await tasks.remove(taskIdentity(record, sandboxes.find(record.sandboxId), this.#services));
    taskTable.remove(record.id);
  }

  /**
   * After a restart of the daemon: watches running tasks, records exits, and rolls back interrupted starts
   * and deletions.
   */
  async recover(record: ContainerRecord): Promise<void> {
    if (record.phase.kind !== "started") return this.delete(record);
    const task = await this.find(record);
    if (task === undefined) return;
    if (!(await this.#hasRun(task))) {
      this.#services.logger.warn(
        { container: record.id },
        "the container was being started when the daemon ended: rolled back; it can be started again",
      );
      await this.delete(record);
      await this.#services.containers.save({ ...record, phase: { kind: "created" } });
      return;
    }
    this.#watch(task);
    // The daemon may have ended right after the start.
    if (record.restore !== undefined) await forgetCheckpoint(record, this.#services);
  }

  /**
   * Whether the user's process was started: false if the OCI runtime had only finished `create`, or if
   * nothing is known about a task whose bundle exists. Without the bundle, the machine was restarted.
   */
  async #hasRun(task: Task): Promise<boolean> {
    const state = task.state();
    if (state.kind !== "exited") return state.kind === "running";
    const { cause, startedAtNs } = state.exit;
    if (cause !== "lost" || startedAtNs !== 0n) return true;
    return !(await exists(containerPaths(this.#services.stateDir, task.id).bundle));
  }
}

/** Waits for both even if one fails, so that nothing continues after the error. */
async function allOrThrow<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return [await a, await b];
}
