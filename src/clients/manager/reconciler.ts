import type { Clock } from "../../ground/clock/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";

export type ReconcilerOptions = {
  readonly clock: Clock;
  /** Brings what is to what it should be; asked again after each change. */
  readonly reconcile: (lookAgainAfter: (ms: number) => void) => Promise<void>;
};

/** Runs one reconciliation at a time: changes that come meanwhile share the next. */
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

  /** Resolves when this holds after a change. Rejects with the signal's reason, or when all ends. */
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

  /** Only the latest reconciliation knows when it has to be looked at again. */
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
    // What asks for it has its answer first.
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
    // At once: a request that comes from here on begins another run.
    this.#running = undefined;
  }
}
