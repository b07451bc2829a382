import type { Clock } from "../../ground/clock/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";

export type ReconcilerOptions = {
  readonly clock: Clock;
  /** Moves the actual state towards the desired one; called again after each change. */
  readonly reconcile: (lookAgainAfter: (ms: number) => void) => Promise<void>;
};

/** Runs one reconciliation at a time; changes that arrive meanwhile share the next one. */
export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<() => void>();
  #timer = new AbortController();
  #requested = false;
  #running: Promise<void> | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  request(): void {
    if (this.#closing.signal.aborted) return;
    this.#requested = true;
    this.#running ??= this.#run();
  }

  /** Resolves when the condition holds after a change. Rejects with the signal's reason, or on disposal. */
  async until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const { signal: closing } = this.#closing;
      await raceAbort(promise, signal === undefined ? closing : AbortSignal.any([signal, closing]));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the manager is stopping"));
    this.#timer.abort();
    await this.#running;
  }

  /** Schedules another reconciliation; only the latest one decides when. */
  #requestAfter(ms: number | undefined): void {
    this.#timer.abort();
    this.#timer = new AbortController();
    if (ms === undefined) return;
    this.#options.clock.wait(ms, this.#timer.signal).then(
      () => this.request(),
      () => {},
    );
  }

  async #run(): Promise<void> {
    // The caller gets its result first.
    await null;
    while (this.#requested && !this.#closing.signal.aborted) {
      this.#requested = false;
      let againMs: number | undefined;
      await this.#options.reconcile((ms) => {
        againMs = Math.min(ms, againMs ?? ms);
      });
      this.#requestAfter(againMs);
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const resolve of waiting) resolve();
    }
    // Synchronous: later requests must start another run.
    this.#running = undefined;
  }
}
