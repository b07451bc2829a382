import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { makePipe } from "../../ground/linux/index.ts";
import { JobThread, threadFile } from "../../ground/threads/index.ts";
import { DiffError } from "./diff-error.ts";
import type { PipedJob } from "./jobs.ts";

/**
 * Streams a thread's output about trees, with back-pressure. A reader that stops early ends the thread.
 * Throws what the job throws, and the signal's reason.
 */
export async function* pipedTrees(job: Omit<PipedJob, "fd">, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const file = threadFile(import.meta.url, "./diff-worker");
  await using thread = new JobThread<PipedJob, undefined>({ name: "diff", file, error: DiffError });
  const { readFd, writeFd } = makePipe();
  const reader = new Socket({ fd: readFd, readable: true, writable: false });
  // A destroyed read end makes the thread's next write, and with it the job, fail.
  reader.on("error", () => undefined);
  const written = thread.run({ ...job, fd: writeFd }).finally(() => closeSync(writeFd));
  written.catch(() => undefined);
  const abort = (): void => void reader.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const chunk of reader) yield chunk;
    signal.throwIfAborted();
    await written;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    reader.destroy();
    // Before the thread is terminated, or it would be interrupted in a write.
    await written.catch(() => undefined);
  }
}

/** Splits at zero bytes. */
export async function* records(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0, from)) {
      yield rest.subarray(from, end);
      from = end + 1;
    }
    rest = rest.subarray(from);
  }
}
