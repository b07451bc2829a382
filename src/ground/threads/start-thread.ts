import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { getEnvironmentData, setEnvironmentData, Worker, type WorkerOptions } from "node:worker_threads";
import { BerthError } from "../errors/index.ts";

/** A thread that the kernel refuses. */
export class ThreadError extends BerthError {}

/** Under which a thread finds where it says that it is loaded. */
const loadedKey = "berth: whether the thread is loaded";
/** One number of each thread, shared with it: 1 once it is loaded. */
const loaded = new WeakMap<Worker, Int32Array>();

/**
 * Starts the thread of a file from {@link threadFile}. Throws ThreadError ResourceExhausted when the kernel
 * gives no thread, as at a limit of tasks (pids.max of a cgroup, TasksMax of a unit): a caller starts its
 * thread before it makes what somebody would wait for or would have to take down. The file calls
 * {@link threadIsLoaded}.
 */
export function startThread(file: URL, options: WorkerOptions & { readonly name: string }): Worker {
  const isLoaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  // Workers get a copy of what is there when they are made; of shared memory, the memory itself.
  setEnvironmentData(loadedKey, isLoaded);
  try {
    const worker = new Worker(file, options);
    loaded.set(worker, isLoaded);
    return worker;
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

/** Said by a thread's file once all that it imports is loaded: the thread can be ended from then on. */
export function threadIsLoaded(): void {
  const isLoaded: unknown = getEnvironmentData(loadedKey);
  if (!(isLoaded instanceof Int32Array)) return;
  Atomics.store(isLoaded, 0, 1);
  Atomics.notify(isLoaded, 0);
}

/** What a thread takes to end that runs. */
const endMs = 1000;

/**
 * Ends a thread. One that waits in the kernel, for a file system that does not answer, ends when that
 * answers, and is not waited for.
 *
 * One that is not loaded yet is ended then: koffi ends the whole process when its thread is terminated while
 * it is being loaded (koffi 2, Node 26).
 */
export async function endThread(worker: Worker): Promise<void> {
  worker.unref();
  const over = new AbortController();
  const late = sleep(endMs, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([untilLoaded(worker).then(() => worker.terminate()), late]);
  over.abort();
}

/** Or until it has ended by itself. */
async function untilLoaded(worker: Worker): Promise<void> {
  const isLoaded = loaded.get(worker);
  if (isLoaded === undefined) return;
  const { value } = Atomics.waitAsync(isLoaded, 0, 0);
  if (typeof value === "string") return;
  const over = new AbortController();
  await Promise.race([value, once(worker, "exit", { signal: over.signal }).catch(() => undefined)]);
  over.abort();
}
