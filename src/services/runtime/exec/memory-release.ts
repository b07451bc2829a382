import { collectGarbage } from "../../../ground/heap/index.ts";
import { giveBackFreeMemory } from "../../../ground/linux/index.ts";

/** What is worth a collection, which takes some ten milliseconds. */
const manyBytes = 4 * 1024 * 1024;
/** By the first the answer is with its client, by the second with one that takes it slowly. */
const delaysMs: readonly number[] = [10_000, 30_000];

/**
 * Gives memory back after large answers. A daemon that has nothing to do makes no garbage, and so would keep
 * the buffers of an answer, several times its size, until it has something to do again.
 */
export class MemoryRelease implements Disposable {
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** To be told of each answer. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#timer === undefined && this.#takeMany()) this.#timer = this.#after(delaysMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #after([delayMs, ...laterMs]: readonly number[]): NodeJS.Timeout | undefined {
    return delayMs === undefined ? undefined : setTimeout(() => this.#release(laterMs), delayMs).unref();
  }

  #release(laterMs: readonly number[]): void {
    collectGarbage("all");
    // The collector frees array buffers in the background.
    this.#timer = setTimeout(() => {
      giveBackFreeMemory();
      // Answers that were given since the timer was set may still have been on their way: both delays begin
      // anew for them.
      this.#timer = this.#after(this.#takeMany() ? delaysMs : laterMs);
    }, 1000).unref();
  }

  /** Whether much was given since it last was. */
  #takeMany(): boolean {
    if (this.#bytes < manyBytes) return false;
    this.#bytes = 0;
    return true;
  }
}
