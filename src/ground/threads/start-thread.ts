import { setTimeout as sleep } from "node:timers/promises";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { BerthError } from "../errors/index.ts";

/** A thread that the kernel refuses. */
export class ThreadError extends BerthError {}

/**
 * Starts the thread of a file from {@link threadFile}. Throws ThreadError ResourceExhausted when the kernel
 * gives no thread, as at a limit of tasks (pids.max of a cgroup, TasksMax of a unit): a caller starts its
 * thread before it makes what somebody would wait for or would have to take down.
 */
export function startThread(file: URL, options: WorkerOptions & { readonly name: string }): Worker {
  try {
    return new Worker(file, options);
  } catch (cause) {
    throw new ThreadError(
      "ResourceExhausted",
      `cannot start thread ${options.name}: raise the limit of tasks (pids.max, TasksMax), or end some tasks`,
      { cause },
    );
  }
}

/**
 * The file of a thread, given without its extension and relative to the module that starts it
 * (`import.meta.url`): as TypeScript where that runs as it is, else as it was built, beside it.
 */
export function threadFile(module: string, file: `./${string}`): URL {
  return new URL(module.endsWith(".ts") ? `${file}.ts` : `${file}.cjs`, module);
}

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
