import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, zombieExitCode } from "../../../ground/linux/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { waitForEnd } from "./process-end.ts";
import type { TaskRecord } from "./task-record.ts";

const SIGKILL = 9;

/**
 * Of a container that was killed: ends its conmon when that has not told of the end `graceMs` after the first
 * process was gone by the kernel's word, as one does that is stopped, or writes to a log on a disk that
 * hangs. Resolves with the exit code, which the kernel keeps until a parent takes it; undefined when that has
 * happened. `over` aborts when there is nothing to do any more: false then.
 */
export async function endStuckMonitor(
  { init, monitor }: Pick<TaskRecord, "init" | "monitor">,
  graceMs: number,
  over: AbortSignal,
): Promise<{ readonly exitCode: number | undefined } | false> {
  if (!(await waitForEnd(init, { signal: over }))) return false;
  await sleep(graceMs, undefined, { ref: false, signal: over }).catch(() => undefined);
  if (over.aborted) return false;
  // Before conmon ends: it is the parent.
  const exitCode = await zombieExitCode(init.pid, init.startTime);
  if (await isAlive(monitor.pid, monitor.startTime)) sendSignal(monitor.pid, SIGKILL);
  return { exitCode };
}
