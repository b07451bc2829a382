import type { Clock } from "../../ground/clock/index.ts";

/** Waits for a time or until it is woken; a wake-up while it is not waiting is remembered. */
export class WakeUp {
  readonly #clock: Clock;
  #woken = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Ends a wait; without one, does nothing. */
  stir(): void {
    this.#wake?.();
  }

  /** Without milliseconds, waits until it is woken. Also resolves when the signal aborts. */
  async wait(ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      const waiting = new AbortController();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true, signal: waiting.signal });
      if (ms !== undefined) this.#clock.wait(ms, waiting.signal).then(resolve, () => {});
      await promise;
      waiting.abort();
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}
