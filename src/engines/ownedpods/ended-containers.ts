import { setTimeout as delay } from "node:timers/promises";
import type { EnginePods } from "./engine-pods.ts";
import { whenEnded } from "./ownership.ts";

/** Time for clients that followed a container when the daemon went away to notice and come back. */
const graceMs = 10_000;
const retryMs = 10_000;
/**
 * A client that created a pod and has not started a container in it for this long is gone; creating one never
 * takes so long.
 */
const unstartedMs = 300_000;

/**
 * Removes ended containers, or their pods, as their owners have requested, unless somebody who still reads
 * their log holds them.
 */
export class EndedContainers {
  readonly #pods: EnginePods;
  readonly #holders = new Map<string, number>();
  readonly #closed = new AbortController();
  /** Until then, clients that want to hold a container may not have come back yet. */
  #graceIsOver = false;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(pods: EnginePods) {
    this.#pods = pods;
  }

  /**
   * Handles all ended containers; those that ended before clients can have come back only after a grace
   * period.
   */
  start(): void {
    this.#inBackground({}, () => this.#listen());
    this.#inBackground({}, async () => {
      await this.#delay(graceMs);
      this.#graceIsOver = true;
      this.#lookAtContainers();
    });
  }

  /** Keeps a container until the result is disposed of. Throws EngineError NotFound. */
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

  /** Does nothing for a container's id, since the pod is removed. */
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

  /**
   * Repeats the work until it succeeds. Ends with the daemon; interrupted work is done after the next start.
   */
  #inBackground(about: object, work: () => void | Promise<void>): void {
    const { logger } = this.#pods;
    const quiet = this.#untilDone(work, (err) =>
      logger.error({ err, ...about }, "cleaning up ended containers failed; it is retried"),
    )
      // The delay was aborted.
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
