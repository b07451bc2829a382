import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";

/** What a thread takes to end that runs. */
const endMs = 1000;

/**
 * Ends a thread. One that waits in the kernel, for a file system that does not answer, ends when that
 * answers, and is not waited for.
 */
export async function endThread(worker: Worker): Promise<void> {
  worker.unref();
  const over = new AbortController();
  const late = sleep(endMs, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([worker.terminate(), late]);
  over.abort();
}
