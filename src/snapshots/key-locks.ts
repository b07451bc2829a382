/** One holder of a key at a time; others wait their turn. */
export class KeyLocks {
  readonly #last = new Map<string, Promise<void>>();

  /** Takes all `keys`, in one order, so that two takers never wait for each other. */
  async take(keys: readonly string[]): Promise<Disposable> {
    const releases: (() => void)[] = [];
    for (const key of [...new Set(keys)].sort()) releases.push(await this.#takeOne(key));
    return {
      [Symbol.dispose]: () => {
        for (const release of releases) release();
      },
    };
  }

  async #takeOne(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    await before;
    return () => {
      if (this.#last.get(key) === promise) this.#last.delete(key);
      resolve();
    };
  }
}
