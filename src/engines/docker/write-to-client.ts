import { once } from "node:events";
import type { Writable } from "node:stream";

/**
 * Writes with back-pressure: resolves when the stream has room again. Data for a client that has left is
 * dropped.
 */
export async function writeToClient(target: Writable | undefined, bytes: Buffer): Promise<void> {
  if (target === undefined || target.destroyed || target.writableEnded) return;
  if (target.write(bytes)) return;
  // One stream may be waited for thousands of times, so no listener must be left behind.
  const waiting = new AbortController();
  const { signal } = waiting;
  const ends = ["drain", "close"].map((event) => once(target, event, { signal }).catch(() => undefined));
  await Promise.race(ends);
  waiting.abort();
}
