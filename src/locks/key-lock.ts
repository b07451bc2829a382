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
      await unlessAborted(before, signal);
    } catch (reason) {
      // Others may queue behind this turn: it is passed on, but stays in the queue until its time has come.
      before.then(release);
      throw reason;
    }
    return { [Symbol.dispose]: release };
  }

  /** Takes all `keys`, in one order, so that two takers never wait for each other. */
  async acquireAll(keys: readonly string[]): Promise<Disposable> {
    const held = new DisposableStack();
    for (const key of [...new Set(keys)].sort()) held.use(await this.acquire(key));
    return held;
  }
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
