import { setTimeout as delay } from "node:timers/promises";
import type { EnginePods } from "./engine-pods.ts";
import { whenEnded } from "./ownership.ts";

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
  readonly #pods: EnginePods;
  readonly #holders = new Map<string, number>();
  readonly #closed = new AbortController();
  /** Until then nobody need have come back who wants to hold a container. */
  #graceIsOver = false;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(pods: EnginePods) {
    this.#pods = pods;
  }

  /** Looks after all that ends, a little later where it ended before clients can have come back. */
  start(): void {
    this.#inBackground({}, () => this.#listen());
    this.#inBackground({}, async () => {
      await this.#delay(graceMs);
      this.#graceIsOver = true;
      this.#lookAtContainers();
    });
  }

  /** Keeps a container until what this returns is disposed of. Throws EngineError NotFound. */
  hold(idOrPrefix: string): Disposable {
    const { id } = this.#pods.containers.get(idOrPrefix);
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
    const changes = this.#pods.changes(this.#closed.signal);
    // Of what there is by now it need not have heard: one that falls behind listens anew.
    this.#inBackground({}, () => {
      for (const { id } of this.#pods.sandboxes.list()) this.#removeUnstarted(id);
      if (this.#graceIsOver) this.#lookAtContainers();
    });
    for await (const { kind, id } of changes) {
      if (kind === "stopped" && this.#graceIsOver) this.#look(id);
      if (kind === "created") this.#removeUnstarted(id);
    }
  }

  #lookAtContainers(): void {
    for (const { id } of this.#pods.containers.list()) this.#look(id);
  }

  /** Nothing for a container's id: it is its pod that goes. */
  #removeUnstarted(sandboxId: string): void {
    const { sandboxes, containers } = this.#pods;
    const isWanted = () => {
      const sandbox = sandboxes.list().find(({ id }) => id === sandboxId);
      return sandbox !== undefined && whenEnded(sandbox) === "remove-pod";
    };
    this.#inBackground({ sandbox: sandboxId }, async () => {
      if (!isWanted()) return;
      await this.#delay(unstartedMs);
      const ofIt = containers.list().filter((container) => container.sandboxId === sandboxId);
      if (isWanted() && ofIt.every(({ state }) => state.kind === "created"))
        await sandboxes.remove(sandboxId);
    });
  }

  #look(id: string): void {
    this.#inBackground({ container: id }, async () => {
      const container = this.#pods.containers.list().find((each) => each.id === id);
      if (container === undefined || container.state.kind !== "exited" || this.#holders.has(id)) return;
      switch (whenEnded(container)) {
        case "stop-pod":
          return this.#pods.sandboxes.stop(container.sandboxId);
        case "remove-pod":
          return this.#pods.sandboxes.remove(container.sandboxId);
        case "remove":
          return this.#pods.containers.remove(container.id);
        case undefined:
          return;
      }
    });
  }

  #delay(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.#closed.signal, ref: false });
  }

  /** Tried again where it fails. Ends with the daemon; what is cut is done after its next start. */
  #inBackground(about: object, work: () => void | Promise<void>): void {
    const { logger } = this.#pods;
    const quiet = this.#untilDone(work, (err) =>
      logger.error({ err, ...about }, "cleaning up ended containers failed; it is retried"),
    )
      // The delay before the next try was cut.
      .catch(() => undefined)
      .finally(() => this.#inFlight.delete(quiet));
    this.#inFlight.add(quiet);
  }

  async #untilDone(work: () => void | Promise<void>, onFailure: (error: unknown) => void): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        onFailure(error);
        await this.#delay(retryMs);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#inFlight);
  }
}
