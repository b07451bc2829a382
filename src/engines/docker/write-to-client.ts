import { once } from "node:events";
import type { Writable } from "node:stream";

/** Waits while the client does not take it. What goes to one that has left is dropped. */
export async function writeToClient(target: Writable | undefined, bytes: Buffer): Promise<void> {
  if (target === undefined || target.destroyed || target.writableEnded) return;
  if (target.write(bytes)) return;
  // A stream is waited for thousands of times: each time leaves no listener behind.
  const waiting = new AbortController();
  const { signal } = waiting;
  const ends = ["drain", "close"].map((event) => once(target, event, { signal }).catch(() => undefined));
  await Promise.race(ends);
  waiting.abort();
}
