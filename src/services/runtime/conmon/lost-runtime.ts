import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf, isAlive, processGroupOf, processStartTime } from "../../../ground/linux/index.ts";
import type { ProcessIdentity } from "./task-record.ts";

/**
 * Waits until the OCI runtime of a creation has ended and conmon has not told of it for `graceMs`. conmon
 * reads the runtime's stderr to its end before it tells of a failure: a runtime that is killed (by the OOM
 * killer, say) leaves the container's first process, which waits to be started and holds stderr open, and
 * then both wait for ever. False when `over` aborts before. Throws nothing: what cannot be read is no sign of
 * an end.
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
      // It cannot be told now, as without a free descriptor; it is looked again.
      lostAtMs = undefined;
    }
    if (lostAtMs !== undefined && performance.now() - lostAtMs >= graceMs) return !over.aborted;
  }
  return false;
}

/**
 * The OCI runtime is in conmon's process group, where conmon has started it; the container's first process
 * makes a session of its own.
 */
async function runtimeOf(monitor: number): Promise<ProcessIdentity | undefined> {
  for (const pid of await childrenOf(monitor)) {
    const startTime = await processStartTime(pid);
    if (startTime !== undefined && (await processGroupOf(pid)) === monitor) return { pid, startTime };
  }
  return undefined;
}

/**
 * One that was never seen is lost when conmon has got what it left; without children, conmon has not started
 * it yet, or goes on by itself.
 */
async function isLost(monitor: number, runtime: ProcessIdentity | undefined): Promise<boolean> {
  if (runtime === undefined) return (await childrenOf(monitor)).length > 0;
  return !(await isAlive(runtime.pid, runtime.startTime));
}
