import { raceAbort } from "./race-abort.ts";

/**
 * One holder per key at a time, in the order of calls; different keys do not wait for each other.
 *
 *     using _ = await locks.acquire(id);
 */
export class KeyLock {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Waits for its turn; disposing the returned object releases the lock. Rejects with the signal's reason.
   */
  async acquire(key: string, signal?: AbortSignal): Promise<Disposable> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const turn = Promise.withResolvers<void>();
    const tail = before.then(() => turn.promise);
    this.#tails.set(key, tail);
    const release = () => {
      turn.resolve();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    try {
      await raceAbort(before, signal);
    } catch (reason) {
      // Others may be queued behind this turn: it stays in the queue, and passes the lock on when its turn
      // comes.
      before.then(release);
      throw reason;
    }
    return { [Symbol.dispose]: release };
  }

  /** Undefined if somebody holds the key or waits for it. */
  tryAcquire(key: string): Disposable | undefined {
    if (this.#tails.has(key)) return undefined;
    const turn = Promise.withResolvers<void>();
    this.#tails.set(key, turn.promise);
    return {
      [Symbol.dispose]: () => {
        turn.resolve();
        if (this.#tails.get(key) === turn.promise) this.#tails.delete(key);
      },
    };
  }

  /**
   * Takes all `keys`, in one order, so that two takers never wait for each other. Rejects with the signal's
   * reason, and holds none then.
   */
  async acquireAll(keys: readonly string[], signal?: AbortSignal): Promise<Disposable> {
    using held = new DisposableStack();
    for (const key of [...new Set(keys)].sort()) held.use(await this.acquire(key, signal));
    return held.move();
  }
}
