/** Keys that are in use and must therefore stay. */
export class RefCounts {
  readonly #counts = new Map<string, number>();

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Counts one more user of `key`, if it is defined, until disposed. */
  acquire(key: string | undefined): Disposable {
    if (key === undefined) return { [Symbol.dispose]: () => {} };
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return { [Symbol.dispose]: () => this.#drop(key) };
  }

  #drop(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left === 0) this.#counts.delete(key);
    else this.#counts.set(key, left);
  }
}
