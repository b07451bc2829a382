import type { Logger } from "../../../ground/logging/index.ts";

/**
 * Does again, every few seconds, what nobody will ask for again: writing down an end that has happened.
 * Disposing of it gives up what waits; the next daemon finds that by itself.
 */
export class Retries implements Disposable {
  readonly #logger: Logger;
  readonly #pauseMs: number;
  readonly #waiting = new Set<NodeJS.Timeout>();
  #disposed = false;

  constructor(logger: Logger, pauseMs = 10_000) {
    this.#logger = logger;
    this.#pauseMs = pauseMs;
  }

  /**
   * Begins `work` now, in the background, and anew after each failure. `what` and `fields` are for the log.
   */
  run(what: string, fields: object, work: () => Promise<void>): void {
    work().catch((err: unknown) => {
      if (this.#disposed) return;
      this.#logger.error({ err, ...fields }, `${what} failed; retrying in ${this.#pauseMs / 1000} s`);
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        this.run(what, fields, work);
      }, this.#pauseMs).unref();
      this.#waiting.add(timer);
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
  }
}
