import { setTimeout as sleep } from "node:timers/promises";
import { endsWithin, isAlive } from "../../../ground/linux/index.ts";
import type { ProcessIdentity } from "./task-record.ts";

/** For so long a thread of the pool waits, to which the kernel tells the end at once. */
const atOnceMs = 50;

/**
 * Waits for the end of a process that is not our child: the kernel tells of one that comes soon, and after
 * that only looking does, every half second in the long run. False when it still runs after `timeoutMs`, or
 * when `signal` aborts.
 */
export async function waitForEnd(
  { pid, startTime }: ProcessIdentity,
  {
    timeoutMs = Number.POSITIVE_INFINITY,
    signal,
  }: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  if (!(await isAlive(pid, startTime))) return true;
  if (await endsWithin(pid, startTime, Math.min(atOnceMs, timeoutMs))) return true;
  let pauseMs = 5;
  for (let waitedMs = atOnceMs; waitedMs < timeoutMs; waitedMs += pauseMs) {
    if (!(await isAlive(pid, startTime))) return true;
    if (signal?.aborted) return false;
    // An abort ends the pause; the loop sees it.
    await sleep(pauseMs, undefined, { ref: false, ...(signal && { signal }) }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 1.5, 500);
  }
  return !(await isAlive(pid, startTime));
}
