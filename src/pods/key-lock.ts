/**
 * One holder a key at a time, in the order of asking: operations on one sandbox or container never overlap, those on different ones do.
 *
 *     await using _ = await locks.acquire(id);
 */
export class KeyLock {
  readonly #tails = new Map<string, Promise<void>>();

  async acquire(key: string): Promise<AsyncDisposable> {
    const before = this.#tails.get(key);
    const held = Promise.withResolvers<void>();
    this.#tails.set(key, held.promise);
    await before;
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#tails.get(key) === held.promise) this.#tails.delete(key);
        held.resolve();
      },
    };
  }
}
