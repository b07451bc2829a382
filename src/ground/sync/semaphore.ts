/**
 * A limited number of holders at a time, in the order of calls.
 *
 *     using _ = await downloads.acquire(signal);
 */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes one until it is disposed. Throws the signal's reason if that comes first. */
  async acquire(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free === 0) await this.#wait(signal);
    else this.#free--;
    let taken = true;
    return {
      [Symbol.dispose]: () => {
        if (taken) this.#release();
        taken = false;
      },
    };
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      const position = this.#waiting.indexOf(resolve);
      // Already granted: it is returned when its holder disposes it.
      if (position === -1) return;
      this.#waiting.splice(position, 1);
      reject(signal.reason);
    };
    this.#waiting.push(resolve);
    signal.addEventListener("abort", leave, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}
