import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { identityAt, type LogPlace, openFiles } from "./log-file.ts";
import type { MonitorControl } from "./monitor-control.ts";
import type { NextLog } from "./next-log.ts";
import type { ProcessIdentity } from "./task-record.ts";

const waitMs = 5_000;

/**
 * Makes a new log and has conmon close its old one and take that. Nothing happens when conmon's log still
 * lies under its name: an empty file would take the place of what nobody has rotated. Throws RuntimeError, as
 * {@link NextLog.make}, FailedPrecondition when conmon is gone, and DeadlineExceeded when it does not take
 * the new log.
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
    // Not before it is renamed, too: conmon ends when it cannot do that.
    await waitUntil(path, monitorRuns, async () => (await next.isRenamed()) && has(file.identity));
  } catch (error) {
    // A conmon that was asked may yet come for it.
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
