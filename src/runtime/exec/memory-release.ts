import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { trimMemory } from "../../linux/index.ts";

/** What is worth a collection, which takes some ten milliseconds. */
const manyBytes = 4 * 1024 * 1024;
/** By then the answer is with the client. */
const delayMs = 10_000;

/**
 * Gives memory back after large answers. A daemon that has nothing to do makes no garbage, and so would keep the buffers
 * of an answer, several times its size, until it has something to do again.
 */
export class MemoryRelease implements Disposable {
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** To be told of each answer. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < manyBytes) return;
    this.#timer ??= setTimeout(() => this.#release(), delayMs).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #release(): void {
    this.#timer = undefined;
    this.#bytes = 0;
    collectGarbage();
    // The collector frees array buffers in the background.
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      trimMemory();
      if (this.#bytes >= manyBytes) this.add(0);
    }, 1000).unref();
  }
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
}
