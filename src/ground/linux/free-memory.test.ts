import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import koffi from "koffi";
import { giveBackFreeMemory } from "./index.ts";

const libc = koffi.load("libc.so.6");
const malloc = libc.func("void *malloc(size_t size)");
const memset = libc.func("void *memset(void *at, int value, size_t size)");
const free = libc.func("void free(void *at)");

test("memory that is free in the middle of the heap goes back to the kernel", async () => {
  const [count, bytes] = [1000, 64 * 1024];
  const pieces: unknown[] = Array.from({ length: count }, () => memset(malloc(bytes), 1, bytes));
  const last = pieces.pop();
  for (const piece of pieces) free(piece);
  const before = await anonymousMib();
  giveBackFreeMemory();
  const after = await anonymousMib();
  free(last);
  assert.ok(before - after > 40, `${before} MiB before, ${after} after`);
});

async function anonymousMib(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8");
  return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
