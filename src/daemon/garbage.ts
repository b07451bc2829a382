import { setTimeout as delay } from "node:timers/promises";
import type { GarbageOptions } from "../gc/index.ts";
import { collectGarbage } from "../gc/index.ts";
import type { GarbageCollector } from "../images/index.ts";
import type { Logger } from "../logging/index.ts";

/** Collects garbage some time after it was asked to; all that ask meanwhile share one collection. */
export class Garbage implements GarbageCollector, AsyncDisposable {
  readonly #options: GarbageOptions;
  readonly #delayMs: number;
  readonly #logger: Logger;
  readonly #closed = new AbortController();
  #waiting: Promise<void> | undefined;

  constructor(options: GarbageOptions, delayMs: number, logger: Logger) {
    this.#options = options;
    this.#delayMs = delayMs;
    this.#logger = logger;
  }

  collect(): Promise<void> {
    this.#waiting ??= this.#collectLater();
    return this.#waiting;
  }

  async #collectLater(): Promise<void> {
    await delay(this.#delayMs, undefined, { signal: this.#closed.signal, ref: false }).catch(() => undefined);
    // Whoever asks from here on may have made garbage that this collection does not see.
    this.#waiting = undefined;
    if (this.#closed.signal.aborted) return;
    const removed = await collectGarbage(this.#options);
    this.#logger.info(removed, "collected garbage");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#waiting;
  }
}
