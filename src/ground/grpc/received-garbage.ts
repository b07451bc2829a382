import { collectGarbage } from "../heap/index.ts";

/** How much may be received between collections of young objects: less than V8 lets its heap grow by. */
const collectedBytes = 4 * 1024 * 1024;

/**
 * Returns a function to be called with the size of everything that is received. After every few MiB, it has
 * young objects collected: hardly anything is on the heap then, so that V8 would not do so by itself, but it
 * counts memory outside of its heap as growth, and would look through the whole of it instead, which took
 * more of the processor's time than all else of a write.
 */
export function receivedGarbage(
  collectYoung: () => void = () => collectGarbage("young"),
): (bytes: number) => void {
  let uncollectedBytes = 0;
  return (bytes) => {
    uncollectedBytes += bytes;
    if (uncollectedBytes < collectedBytes) return;
    uncollectedBytes = 0;
    collectYoung();
  };
}
