import { longestTimerMs } from "../../../ground/clock/index.ts";
import type { Task } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";

/** A process with a hundred GiB takes seconds to end. */
const killedWithinMs = 60_000;

export type Stop = {
  readonly signal: number;
  readonly timeoutMs: number;
  /**
   * The tasks that have been sent their signal. None is sent it twice: to many programs a second one means to
   * drop everything at once, and a client asks again when it was started anew, or has less patience now.
   */
  readonly asked: WeakSet<Task>;
};

/**
 * Asks the task to end with its stop signal and kills it when the time is over. A client that gives up ends
 * only its waiting for the polite part: the signal was sent, and its next call goes on from there. Throws as
 * {@link killTask}.
 */
export async function stopTask(
  task: Task,
  { signal: stopSignal, timeoutMs, asked }: Stop,
  signal?: AbortSignal,
): Promise<void> {
  if (timeoutMs > 0 && task.state().kind === "running") {
    if (!asked.has(task)) await ask(task, stopSignal, asked);
    if (await endsWithin(task, timeoutMs, signal)) return;
  }
  await killTask(task, signal);
}

async function ask(task: Task, stopSignal: number, asked: WeakSet<Task>): Promise<void> {
  asked.add(task);
  try {
    await task.kill(stopSignal);
  } catch (error) {
    asked.delete(task);
    throw error;
  }
}

/**
 * Kills the task and waits for its end. Throws EngineError DeadlineExceeded when the process does not end:
 * callers that wait without end would only become more.
 */
export async function killTask(task: Task, signal?: AbortSignal, limitMs = killedWithinMs): Promise<void> {
  const state = task.state();
  if (state.kind === "exited") return;
  await task.killAll();
  if (await endsWithin(task, limitMs, signal)) return;
  throw new EngineError(
    "DeadlineExceeded",
    `container ${task.id} was killed, but process ${state.pid} has not exited after ${limitMs / 1000} s: it is blocked in the kernel, for example by a file system that does not respond, or its pod's cgroup is frozen (see /proc/${state.pid}/stack)`,
  );
}

async function endsWithin(task: Task, timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  const timeout = AbortSignal.timeout(Math.min(timeoutMs, longestTimerMs));
  try {
    await task.wait(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) return false;
    throw error;
  }
}
