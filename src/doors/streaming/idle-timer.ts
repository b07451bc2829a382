/**
 * Calls back once nothing has happened for a time. Touching it costs a clock reading, so it may be touched
 * with every piece of data.
 */
export class IdleTimer implements Disposable {
  readonly #timeoutMs: number;
  readonly #onIdle: () => void;
  #lastActivity = performance.now();
  #timer: NodeJS.Timeout;

  constructor(timeoutMs: number, onIdle: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onIdle = onIdle;
    this.#timer = setTimeout(() => this.#check(), timeoutMs);
  }

  touch(): void {
    this.#lastActivity = performance.now();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    const remaining = this.#lastActivity + this.#timeoutMs - performance.now();
    if (remaining <= 0) this.#onIdle();
    else this.#timer = setTimeout(() => this.#check(), remaining);
  }
}
