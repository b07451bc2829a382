import { collectGarbage } from "../../../ground/heap/index.ts";
import { giveBackFreeMemory } from "../../../ground/linux/index.ts";

/** From this much on, a collection, which takes about ten milliseconds, is worth it. */
const manyBytes = 4 * 1024 * 1024;
/** By the first, the client has its response; by the second, even a slow one. */
const delaysMs: readonly number[] = [10_000, 30_000];

/**
 * Frees memory after large responses. An idle daemon creates no garbage, and so would keep the buffers of a
 * response, several times its size, until it is busy again.
 */
export class MemoryRelease implements Disposable {
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Must be called for each response. */
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
      // Responses since the timer was set may still be in transit: both delays start again for them.
      this.#timer = this.#after(this.#takeMany() ? delaysMs : laterMs);
    }, 1000).unref();
  }

  /** Whether there were large responses since the last call. */
  #takeMany(): boolean {
    if (this.#bytes < manyBytes) return false;
    this.#bytes = 0;
    return true;
  }
}
