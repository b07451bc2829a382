import { Worker, type WorkerOptions } from "node:worker_threads";
import { ThreadError } from "./thread-error.ts";

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
