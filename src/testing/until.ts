import { setTimeout as delay } from "node:timers/promises";

const limitMs = 30_000;

/**
 * Resolves with the first value of `probe` that is neither undefined nor false, looking again every few
 * milliseconds. Throws after 30 seconds, so that a test that waits in vain ends.
 */
export async function until<Value>(
  probe: () => Value | Promise<Value>,
): Promise<Exclude<Awaited<Value>, undefined | false>> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const value = await probe();
    if (value !== undefined && value !== false) return value as Exclude<Awaited<Value>, undefined | false>;
    await delay(10);
  }
  throw new Error(`still not so after ${limitMs / 1000} s: ${probe}`);
}
