import type { Logger } from "../../../ground/logging/index.ts";

/** Pauses double up to this many times the first one. */
const longestPauses = 6;

/**
 * Does again, after some seconds, what nobody will ask for again: recovering what runs, writing down an end
 * that has happened. Disposing of it gives up what waits; the next daemon finds that by itself.
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
   * Resolves after the first try, whether it failed or not.
   */
  run(what: string, fields: object, work: () => Promise<void>): Promise<void> {
    return this.#try(what, fields, work, this.#pauseMs);
  }

  async #try(what: string, fields: object, work: () => Promise<void>, pauseMs: number): Promise<void> {
    try {
      await work();
    } catch (err) {
      if (this.#disposed) return;
      this.#logger.error({ err, ...fields }, `${what} failed; retrying in ${pauseMs / 1000} s`);
      const nextMs = Math.min(pauseMs * 2, this.#pauseMs * longestPauses);
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        void this.#try(what, fields, work, nextMs);
      }, pauseMs).unref();
      this.#waiting.add(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
  }
}
