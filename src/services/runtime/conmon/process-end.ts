import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../../ground/linux/index.ts";
import type { ProcessIdentity } from "./task-record.ts";

/**
 * Waits for the end of a process that is not our child, of which only looking tells: every 2 ms at first,
 * every half second in the long run. False when it still runs after `timeoutMs`, or when `signal` aborts.
 */
export async function waitForEnd(
  { pid, startTime }: ProcessIdentity,
  {
    timeoutMs = Number.POSITIVE_INFINITY,
    signal,
  }: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  let pauseMs = 2;
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pauseMs) {
    if (!(await isAlive(pid, startTime))) return true;
    if (signal?.aborted) return false;
    // An abort ends the pause; the loop sees it.
    await sleep(pauseMs, undefined, { ref: false, ...(signal && { signal }) }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 1.5, 500);
  }
  return !(await isAlive(pid, startTime));
}
