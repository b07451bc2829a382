import type { TaskIo, TerminalSize } from "../tasks.ts";

/**
 * The sizes of a client's terminal, read from the beginning: what has come when the program is started is the
 * size that it finds, and nobody waits for one. A size that the kernel does not take leaves the terminal as
 * it is.
 */
export class TerminalSizes {
  #latest: TerminalSize | undefined;
  #apply: ((size: TerminalSize) => void) | undefined;

  constructor(sizes: AsyncIterable<TerminalSize>) {
    followSizes(sizes, (size) => this.set(size)).catch(() => undefined);
  }

  /** The same as one that comes. */
  set(size: TerminalSize): void {
    this.#latest = size;
    this.#apply?.(size);
  }

  /** Undefined before there is one. */
  get latest(): TerminalSize | undefined {
    return this.#latest;
  }

  /** From now on each size is applied, the latest at once. */
  applyTo(apply: (size: TerminalSize) => void): void {
    this.#apply = apply;
    if (this.#latest !== undefined) apply(this.#latest);
  }
}

/**
 * Applies the sizes of a terminal one at a time; of those that come while one is being applied only the last
 * counts. Resolves when there are no more; throws what `apply` throws.
 */
export async function followSizes(
  sizes: AsyncIterable<TerminalSize>,
  apply: (size: TerminalSize) => void | Promise<void>,
): Promise<void> {
  let latest: TerminalSize | undefined;
  let applying: Promise<void> | undefined;
  const applyLatest = async () => {
    for (let size = latest; size !== undefined; size = latest) {
      latest = undefined;
      await apply(size);
    }
    applying = undefined;
  };
  for await (const size of sizes) {
    latest = size;
    applying ??= applyLatest();
    applying.catch(() => undefined);
  }
  await applying;
}

/** For processes without a terminal, or whose size is set in another way. */
export const noSizes: TaskIo["resize"] = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
