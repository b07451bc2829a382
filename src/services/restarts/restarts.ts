import type { Logger } from "../../ground/logging/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { Envelope, EventByTopic, ServiceEvents } from "../events/index.ts";
import type { Storage } from "../storage/index.ts";
import type { TaskStore } from "../tasks/index.ts";
import { type Restarted, startAnew, stop } from "./change.ts";
import { explicitlyStoppedLabel, startsAnew, type Wish, wishOf } from "./wish.ts";

export type RestartsOptions = {
  readonly storage: Storage;
  readonly tasks: TaskStore;
  readonly events: ServiceEvents;
  readonly logger: Logger;
};

/**
 * How long a container and its task must have been unchanged. Clients stop, remove and start containers in
 * several calls, which must not be interleaved with ours.
 */
const settledMs = 2_000;
/** Delay after a task that ran for less than {@link longRunMs}, or could not be started. */
const againMs = 5_000;
const longRunMs = 10_000;

/** Manages containers with a wish until it is disposed; their tasks keep running. */
export class Restarts implements AsyncDisposable {
  readonly #options: RestartsOptions;
  readonly #closing = new AbortController();
  /** By namespace and id. */
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #locks = new KeyLock();
  readonly #running = new Set<Promise<void>>();

  private constructor(options: RestartsOptions) {
    this.#options = options;
  }

  /**
   * Once per daemon, when the running tasks are known. Containers with the policy `always` that were stopped
   * explicitly run again from now on, as in containerd.
   */
  static async open(options: RestartsOptions): Promise<Restarts> {
    const restarts = new Restarts(options);
    options.events.subscribe(restarts.#closing.signal, (envelope) => restarts.#hear(envelope));
    for (const namespace of options.storage.usedNamespaces()) await restarts.#begin(namespace);
    return restarts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  async #begin(namespace: string): Promise<void> {
    const { containers } = await this.#options.storage.inNamespace(namespace);
    for (const { id, labels } of containers.list()) {
      const wish = wishOf(labels);
      if (wish === undefined) continue;
      if (wish.explicitlyStopped && wish.policy?.name === "always")
        await containers.update(id, (before) => ({
          labels: { ...before.labels, [explicitlyStoppedLabel]: "false" },
        }));
      this.#look(namespace, id, settledMs);
    }
  }

  /** Never yields an event: the container is checked once nothing more has happened to it. */
  #hear({ namespace, topic, event }: Envelope): undefined {
    switch (topic) {
      case "/containers/create":
      case "/containers/update":
        this.#look(namespace, event.id, settledMs);
        break;
      case "/tasks/exit":
        if (event.id === event.containerId)
          this.#look(namespace, event.containerId, this.#waitAfter(namespace, event));
        break;
      case "/tasks/create":
      case "/tasks/delete":
        this.#look(namespace, event.containerId, settledMs);
    }
  }

  /** A task that keeps ending soon after its start must not cost much. */
  #waitAfter(namespace: string, { containerId, exitedAtNs }: EventByTopic["/tasks/exit"]): number {
    const state = this.#options.tasks.inNamespace(namespace).get(containerId)?.task.state();
    // The event may come before the state is known.
    const { startedAtNs = 0n } =
      state?.kind === "exited" ? state.exit : state?.kind === "running" ? state : {};
    return Number((exitedAtNs - startedAtNs) / 1_000_000n) < longRunMs ? againMs : settledMs;
  }

  #look(namespace: string, id: string, afterMs: number): void {
    if (this.#closing.signal.aborted) return;
    const key = `${namespace}/${id}`;
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      const reconciling = this.#reconcile(namespace, id).finally(() => this.#running.delete(reconciling));
      this.#running.add(reconciling);
    }, afterMs);
    this.#timers.set(key, timer);
  }

  async #reconcile(namespace: string, id: string): Promise<void> {
    const { logger } = this.#options;
    using _lock = await this.#locks.acquire(`${namespace}/${id}`);
    try {
      await this.#bring(namespace, id);
    } catch (err) {
      logger.error(
        { err, namespace, container: id },
        "a container cannot be restarted or stopped as its labels request",
      );
      this.#look(namespace, id, againMs);
    }
  }

  async #bring(namespace: string, id: string): Promise<void> {
    const storage = await this.#options.storage.inNamespace(namespace);
    const container = storage.containers.find(id);
    const wish = container && wishOf(container.labels);
    // A container without a specification belongs to a pod, whose engine creates and starts it.
    if (container?.spec === undefined || wish === undefined) return;
    const tasks = this.#options.tasks.inNamespace(namespace);
    const restarted: Restarted = { container, storage, tasks, known: tasks.get(id) };
    const action = actionFor(wish, restarted);
    if (action === undefined) return;
    this.#options.logger.info(
      { namespace, container: id, count: wish.count },
      `${action} a container as its labels request`,
    );
    if (action === "stopping") await stop(restarted, this.#closing.signal);
    else await startAnew(restarted, wish, this.#closing.signal);
  }
}

function actionFor(wish: Wish, { known }: Restarted): "starting" | "stopping" | undefined {
  const state = known?.task.state();
  if (wish.status === "stopped")
    return state === undefined || state.kind === "exited" ? undefined : "stopping";
  if (state?.kind === "running") return undefined;
  const exitCode = state?.kind === "exited" ? state.exit.exitCode : undefined;
  return startsAnew(wish, exitCode) ? "starting" : undefined;
}
