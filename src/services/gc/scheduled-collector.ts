import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../ground/logging/index.ts";
import { collectGarbage, type GarbageOptions } from "./collect-garbage.ts";

/** Deletes content and snapshots that nothing refers to. */
export interface GarbageCollector {
  /** Resolves when a collection that began after this call has ended, some time later. */
  collect(): Promise<void>;
  /** Collects without delay, for callers that wait for the space. */
  collectNow(): Promise<void>;
}

/** A collector that a namespace's clients can call themselves. */
export interface NamespaceCollector extends GarbageCollector {
  /** The same without waiting; failures are logged. */
  collectSoon(): void;
}

export type ScheduledCollectorOptions = {
  /** Called when a collection begins. */
  readonly stores: () => GarbageOptions;
  readonly delayMs: number;
  readonly logger: Logger;
};

/** Collects garbage some time after a request; requests in the meantime share one collection. */
export class ScheduledCollector implements NamespaceCollector, AsyncDisposable {
  readonly #options: ScheduledCollectorOptions;
  readonly #closed = new AbortController();
  #waiting: Promise<void> | undefined;

  constructor(options: ScheduledCollectorOptions) {
    this.#options = options;
  }

  collect(): Promise<void> {
    this.#waiting ??= this.#collectLater();
    return this.#waiting;
  }

  collectSoon(): void {
    const { logger } = this.#options;
    this.collect().catch((err: unknown) => logger.error({ err }, "collecting garbage failed"));
  }

  async collectNow(): Promise<void> {
    const { stores, logger } = this.#options;
    const removed = await collectGarbage(stores());
    logger.info(removed, "collected garbage");
  }

  async #collectLater(): Promise<void> {
    const { delayMs } = this.#options;
    await delay(delayMs, undefined, { signal: this.#closed.signal, ref: false }).catch(() => undefined);
    // Requests from here on may concern garbage that this collection does not see.
    this.#waiting = undefined;
    if (this.#closed.signal.aborted) return;
    await this.collectNow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#waiting;
  }
}
