import type { Task } from "../runtime/index.ts";

/**
 * Asks the task to end with its stop signal and kills it when the time is over. A client that gives up ends only its waiting
 * for the polite part: the signal was sent, and its next call goes on from there.
 */
export async function stopTask(
  task: Task,
  stopSignal: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (task.state().kind === "exited") return;
  if (timeoutMs > 0 && task.state().kind === "running") {
    await task.kill(stopSignal);
    if (await endsWithin(task, timeoutMs, signal)) return;
  }
  await task.killAll();
  await task.wait(signal);
}

async function endsWithin(task: Task, timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  const timeout = AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1));
  try {
    await task.wait(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) return false;
    throw error;
  }
}
