import type { TerminalSize } from "../tasks.ts";
import { followSizes } from "./follow-sizes.ts";

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
