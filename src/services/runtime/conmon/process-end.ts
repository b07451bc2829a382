import { setTimeout as sleep } from "node:timers/promises";
import { endsWithin, isAlive } from "../../../ground/linux/index.ts";
import type { ProcessIdentity } from "./task-record.ts";

/** How long a pool thread waits, which the kernel notifies of the end at once. */
const atOnceMs = 50;

/**
 * Waits for the end of a process that is not our child: first for a notification by the kernel, then by
 * polling, finally every half second. False if it is still running after `timeoutMs`, or when `signal`
 * aborts.
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
