import type { TaskIo, TerminalSize } from "../tasks.ts";

/**
 * The sizes of a client's terminal, read from the beginning: the program starts with the latest size so far,
 * and nothing waits for one. A size that the kernel rejects has no effect.
 */
export class TerminalSizes {
  #latest: TerminalSize | undefined;
  #apply: ((size: TerminalSize) => void) | undefined;

  constructor(sizes: AsyncIterable<TerminalSize>) {
    followSizes(sizes, (size) => this.set(size)).catch(() => undefined);
  }

  /** Same as a size from the client. */
  set(size: TerminalSize): void {
    this.#latest = size;
    this.#apply?.(size);
  }

  /** Undefined before the first. */
  get latest(): TerminalSize | undefined {
    return this.#latest;
  }

  /** From now on, every size is applied; the latest one at once. */
  applyTo(apply: (size: TerminalSize) => void): void {
    this.#apply = apply;
    if (this.#latest !== undefined) apply(this.#latest);
  }
}

/**
 * Applies the sizes of a terminal one at a time; of those that arrive while one is being applied, only the
 * last counts. Resolves when there are no more; throws what `apply` throws.
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

/** For processes without a terminal, or whose terminal's size is set in another way. */
export const noSizes: TaskIo["resize"] = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
