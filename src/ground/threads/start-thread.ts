import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { getEnvironmentData, setEnvironmentData, Worker, type WorkerOptions } from "node:worker_threads";
import { BerthError } from "../errors/index.ts";

/** A thread that the kernel refuses to create. */
export class ThreadError extends BerthError {}

/** Under which a thread finds where it says that it is loaded. */
const loadedKey = "berth: whether the thread is loaded";
/** A number that is shared with each thread: 1 once it is loaded. */
const loaded = new WeakMap<Worker, Int32Array>();

/**
 * Starts the thread of a file from {@link threadFile}. Throws ThreadError ResourceExhausted if the kernel
 * creates no thread, for instance at a limit of tasks (pids.max of a cgroup, TasksMax of a unit). So callers
 * start their thread before they create anything that would have to be waited for or undone. The file must
 * call {@link threadIsLoaded}.
 */
export function startThread(file: URL, options: WorkerOptions & { readonly name: string }): Worker {
  const isLoaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  // Workers get a copy of these data as they are at their creation; shared memory is not copied.
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
 * (`import.meta.url`): the TypeScript file if that runs directly, otherwise the bundled file beside it.
 */
export function threadFile(module: string, file: `./${string}`): URL {
  return new URL(module.endsWith(".ts") ? `${file}.ts` : `${file}.cjs`, module);
}

/**
 * Must be called by a thread's file once all its imports are loaded: from then on, the thread can be
 * terminated.
 */
export function threadIsLoaded(): void {
  const isLoaded: unknown = getEnvironmentData(loadedKey);
  if (!(isLoaded instanceof Int32Array)) return;
  Atomics.store(isLoaded, 0, 1);
  Atomics.notify(isLoaded, 0);
}

/** How long a running thread may take to end. */
const endMs = 1000;

/**
 * Terminates a thread. If it is blocked in the kernel by a file system that does not respond, it ends when
 * that responds, and is not waited for. A thread that is still loading is terminated once it is loaded: koffi
 * ends the whole process if a thread is terminated while koffi is being loaded (koffi 2, Node 26).
 */
export async function endThread(worker: Worker): Promise<void> {
  worker.unref();
  const over = new AbortController();
  const late = sleep(endMs, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([untilLoaded(worker).then(() => worker.terminate()), late]);
  over.abort();
}

/** Or until it ends by itself. */
async function untilLoaded(worker: Worker): Promise<void> {
  const isLoaded = loaded.get(worker);
  if (isLoaded === undefined) return;
  const { value } = Atomics.waitAsync(isLoaded, 0, 0);
  if (typeof value === "string") return;
  const over = new AbortController();
  await Promise.race([value, once(worker, "exit", { signal: over.signal }).catch(() => undefined)]);
  over.abort();
}
