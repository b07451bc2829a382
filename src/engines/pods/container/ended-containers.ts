import { setTimeout as delay } from "node:timers/promises";
import { whenEnded } from "../records/ownership.ts";
import type { ContainerRecord } from "../records/records.ts";
import type { SandboxLifecycle } from "../sandbox/sandbox-lifecycle.ts";
import type { PodServices } from "../services.ts";
import type { ContainerLifecycle } from "./container-lifecycle.ts";

/** For a client that followed a container when the daemon went away: it has to notice, and to come back. */
const graceMs = 10_000;
const retryMs = 10_000;
/**
 * A client that has made a pod and not started a container in it for so long is gone: longer than making one
 * may take.
 */
const unstartedMs = 300_000;

/**
 * Puts away containers that have ended where their owner asked for that, with the pod that was made for them.
 * Somebody who still reads what one has left holds it.
 */
export class EndedContainers {
  readonly #services: PodServices;
  readonly #sandboxes: SandboxLifecycle;
  readonly #containers: ContainerLifecycle;
  readonly #holders = new Map<string, number>();
  readonly #closed = new AbortController();
  /** Until then nobody need have come back who wants to hold a container. */
  #graceIsOver = false;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(services: PodServices, sandboxes: SandboxLifecycle, containers: ContainerLifecycle) {
    this.#services = services;
    this.#sandboxes = sandboxes;
    this.#containers = containers;
  }

  /** Looks after all that ends, a little later where it ended before clients can have come back. */
  start(): void {
    this.#inBackground(this.#listen());
    this.#inBackground(this.#removeEarlier());
    for (const { id } of this.#services.sandboxes.list()) this.#inBackground(this.#removeUnstarted(id));
  }

  /** Keeps a container until what this returns is disposed of. Throws EngineError NotFound. */
  hold(idOrPrefix: string): Disposable {
    const { id } = this.#services.containers.get(idOrPrefix);
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
    return { [Symbol.dispose]: () => this.#release(id) };
  }

  isHeld(id: string): boolean {
    return this.#holders.has(id);
  }

  #release(id: string): void {
    const others = (this.#holders.get(id) ?? 0) - 1;
    if (others > 0) this.#holders.set(id, others);
    else this.#holders.delete(id);
    this.#look(id);
  }

  async #listen(): Promise<void> {
    for await (const { kind, id } of this.#services.events.changes(this.#closed.signal)) {
      if (kind === "stopped" && this.#graceIsOver) this.#look(id);
      if (kind === "created") this.#inBackground(this.#removeUnstarted(id));
    }
  }

  async #removeEarlier(): Promise<void> {
    await delay(graceMs, undefined, { signal: this.#closed.signal, ref: false });
    this.#graceIsOver = true;
    for (const { id } of this.#services.containers.list()) this.#look(id);
  }

  /** Nothing for a container's id: it is its pod that goes. */
  async #removeUnstarted(sandboxId: string): Promise<void> {
    const { sandboxes, containers } = this.#services;
    const wanted = () => {
      const record = sandboxes.find(sandboxId);
      return record !== undefined && whenEnded(record) === "remove-pod";
    };
    if (!wanted()) return;
    await delay(unstartedMs, undefined, { signal: this.#closed.signal, ref: false });
    const ofIt = containers.list().filter((container) => container.sandboxId === sandboxId);
    const unstarted = ofIt.every(({ phase }) => phase.kind === "creating" || phase.kind === "created");
    if (wanted() && unstarted) await this.#sandboxes.remove(sandboxId);
  }

  #look(id: string): void {
    const record = this.#services.containers.find(id);
    if (record === undefined || this.#holders.has(id) || this.#closed.signal.aborted) return;
    if (this.#containers.get(id).state.kind === "exited") this.#inBackground(this.#remove(record));
  }

  async #remove(record: ContainerRecord): Promise<void> {
    try {
      await this.#act(record);
    } catch (err) {
      this.#services.logger.error(
        { err, container: record.id },
        "cleaning up an ended container failed; it is retried",
      );
      await delay(retryMs, undefined, { signal: this.#closed.signal, ref: false });
      this.#look(record.id);
    }
  }

  async #act(record: ContainerRecord): Promise<void> {
    switch (whenEnded(record)) {
      case "stop-pod":
        return this.#sandboxes.stop(record.sandboxId);
      case "remove-pod":
        return this.#sandboxes.remove(record.sandboxId);
      case "remove":
        return this.#containers.remove(record.id);
      case undefined:
        return;
    }
  }

  /** Ends with the daemon; what is cut is done after its next start. */
  #inBackground(work: Promise<void>): void {
    const quiet = work
      .catch((err: unknown) => {
        if (!this.#closed.signal.aborted)
          this.#services.logger.error({ err }, "checking for ended containers failed");
      })
      .finally(() => this.#inFlight.delete(quiet));
    this.#inFlight.add(quiet);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#inFlight);
  }
}
