import { libcFunction } from "./libc.ts";

const trimCall = libcFunction("int malloc_trim(size_t keep)");

/** Gives the kernel back what the C library keeps of freed memory (malloc_trim(3)); some milliseconds. */
export function trimMemory(): void {
  trimCall(0);
}
