import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { identityAt, type LogPlace, openFiles } from "./log-file.ts";
import type { MonitorControl } from "./monitor-control.ts";
import type { NextLog } from "./next-log.ts";
import type { ProcessIdentity } from "./task-record.ts";

const waitMs = 5_000;

/**
 * Creates a new log, and has conmon close the old one and use the new one. Does nothing if conmon's log still
 * has its name: otherwise an empty file would replace a log that was not rotated. Throws like
 * {@link NextLog.make}, and RuntimeError FailedPrecondition if conmon has ended, DeadlineExceeded if it does
 * not use the new log in time.
 */
export async function reopenLog(
  control: MonitorControl,
  monitor: ProcessIdentity,
  place: LogPlace,
  next: NextLog,
): Promise<void> {
  const { path, lookUp } = place;
  const monitorRuns = () => isAlive(monitor.pid, monitor.startTime);
  const has = (identity: string) => lookUp(path, async () => (await openFiles(monitor.pid)).has(identity));
  const before = await identityAt(place);
  if (!(await monitorRuns())) throw monitorIsGone(path);
  if (before !== undefined && (await has(before))) return;
  await using file = await next.make();
  let isAsked = false;
  try {
    await next.offer(file);
    isAsked = true;
    await control.reopenLog();
    // It must also be renamed before it is withdrawn: conmon ends if it cannot rename it.
    await waitUntil(path, monitorRuns, async () => (await next.isRenamed()) && has(file.identity));
  } catch (error) {
    // A conmon that was told may still open it.
    if (!(isAsked && (await monitorRuns()))) await file.removeIfEmpty();
    throw error;
  }
  await next.clear();
}

async function waitUntil(
  path: string,
  monitorRuns: () => Promise<boolean>,
  isTaken: () => Promise<boolean>,
): Promise<void> {
  for (const end = performance.now() + waitMs; performance.now() < end; ) {
    if (await isTaken()) return;
    if (!(await monitorRuns())) throw monitorIsGone(path);
    await sleep(2);
  }
  throw new RuntimeError(
    "DeadlineExceeded",
    `reopen log ${path}: conmon has not taken the new file after ${waitMs} ms`,
  );
}

function monitorIsGone(path: string): RuntimeError {
  return new RuntimeError("FailedPrecondition", `reopen log ${path}: its writer, conmon, is gone`);
}
