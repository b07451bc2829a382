import { raceAbort } from "./race-abort.ts";

/**
 * One holder a key at a time, in the order of asking; different keys do not wait for each other.
 *
 *     using _ = await locks.acquire(id);
 */
export class KeyLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits for its turn; dispose of what it returns to give it up. Rejects with the signal's reason. */
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
      // Others may queue behind this turn: it is passed on, but stays in the queue until its time has come.
      before.then(release);
      throw reason;
    }
    return { [Symbol.dispose]: release };
  }

  /** Undefined when somebody holds the key, or waits for it. */
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

  /** Takes all `keys`, in one order, so that two takers never wait for each other. */
  async acquireAll(keys: readonly string[]): Promise<Disposable> {
    const held = new DisposableStack();
    for (const key of [...new Set(keys)].sort()) held.use(await this.acquire(key));
    return held;
  }
}
