import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { libcFunction } from "./libc.ts";

const mallocTrim = libcFunction("int malloc_trim(size_t pad)");

/**
 * Gives pages that the C library keeps free back to the kernel, wherever they lie: by itself it gives back
 * only those at the heap's end (malloc_trim(3)). Takes a tenth of a millisecond for each MiB.
 */
export function giveBackFreeMemory(): void {
  mallocTrim(0);
}

/**
 * Collects the garbage of this thread's heap now, which takes some ten milliseconds. With `shrink` the room
 * for young objects, which grows while many are made and else stays, is made small again.
 */
export function collectGarbage({ shrink = false } = {}): void {
  setFlagsFromString("--expose-gc");
  const collect: NodeJS.GCFunction = runInNewContext("gc");
  if (shrink) void collect({ type: "major", execution: "sync", flavor: "last-resort" });
  else collect();
}
