import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf, isAlive, processGroupOf, processStartTime } from "../../../ground/linux/index.ts";
import type { ProcessIdentity } from "./task-record.ts";

/**
 * Waits until the OCI runtime of a creation has ended and conmon has not reported it for `graceMs`. conmon
 * reads the runtime's stderr to its end before it reports a failure. A runtime that is killed (for example by
 * the OOM killer) leaves the container's first process, which waits to be started and holds stderr open, so
 * that both would wait forever. Returns false if `over` aborts before. Never throws: unreadable information
 * is not a sign of an end.
 */
export async function waitForLostRuntime(
  monitor: number,
  graceMs: number,
  over: AbortSignal,
): Promise<boolean> {
  let runtime: ProcessIdentity | undefined;
  let lostAtMs: number | undefined;
  for (let pauseMs = 250; !over.aborted; pauseMs = Math.min(pauseMs * 2, 500)) {
    // An abort ends the pause.
    await sleep(pauseMs, undefined, { ref: false, signal: over }).catch(() => undefined);
    if (over.aborted) break;
    try {
      runtime ??= await runtimeOf(monitor);
      lostAtMs = (await isLost(monitor, runtime)) ? (lostAtMs ?? performance.now()) : undefined;
    } catch {
      // It cannot be determined now, for example without a free descriptor; the next round tries again.
      lostAtMs = undefined;
    }
    if (lostAtMs !== undefined && performance.now() - lostAtMs >= graceMs) return !over.aborted;
  }
  return false;
}

/**
 * The OCI runtime, which is in conmon's process group; the container's first process creates its own session.
 */
async function runtimeOf(monitor: number): Promise<ProcessIdentity | undefined> {
  for (const pid of await childrenOf(monitor)) {
    const startTime = await processStartTime(pid);
    if (startTime !== undefined && (await processGroupOf(pid)) === monitor) return { pid, startTime };
  }
  return undefined;
}

/**
 * A runtime that was never seen is lost if conmon has inherited its child; without children, conmon has not
 * started it yet, or is continuing by itself.
 */
async function isLost(monitor: number, runtime: ProcessIdentity | undefined): Promise<boolean> {
  if (runtime === undefined) return (await childrenOf(monitor)).length > 0;
  return !(await isAlive(runtime.pid, runtime.startTime));
}
