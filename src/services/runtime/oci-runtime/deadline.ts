import { RuntimeError } from "../runtime-error.ts";

/** A time limit combined with the caller's signal. Disposing frees its timer. */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #expiry = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #timeoutMs: number;

  /** 0 is no limit. */
  constructor(timeoutMs: number, signal?: AbortSignal) {
    this.#timeoutMs = timeoutMs;
    this.signal = signal === undefined ? this.#expiry.signal : AbortSignal.any([signal, this.#expiry.signal]);
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#expiry.abort(), timeoutMs);
  }

  /**
   * Throws RuntimeError DeadlineExceeded or Canceled when it is over; `what` names what was being done,
   * `fate` what became of it.
   */
  check(what: string, fate = "killed"): void {
    if (this.#expiry.signal.aborted) {
      throw new RuntimeError("DeadlineExceeded", `${what}: not done after ${this.#timeoutMs} ms, ${fate}`);
    }
    if (this.signal.aborted)
      throw new RuntimeError("Canceled", `${what}: canceled`, { cause: this.signal.reason });
  }

  /** Calls `stop` when it is over, at once if it already is. Disposing the result cancels that. */
  onAbort(stop: () => void): Disposable {
    if (this.signal.aborted) stop();
    this.signal.addEventListener("abort", stop, { once: true });
    return { [Symbol.dispose]: () => this.signal.removeEventListener("abort", stop) };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
