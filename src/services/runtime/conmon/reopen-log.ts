import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { checkLogPlace, identity, openFiles } from "./log-place.ts";
import type { MonitorControl } from "./monitor-control.ts";
import { makeNextLog } from "./next-log.ts";
import type { ProcessIdentity } from "./task-record.ts";

const waitMs = 5_000;

/**
 * Makes conmon close its log and open a new one, and resolves when that is there. Nothing happens when conmon's log still
 * lies under its name: conmon would put an empty file in the place of what nobody has rotated. Throws RuntimeError, as
 * {@link makeNextLog}, and FailedPrecondition when conmon is gone.
 */
export async function reopenLog(
  control: MonitorControl,
  monitor: ProcessIdentity,
  logPath: string | undefined,
): Promise<void> {
  if (logPath === undefined) return;
  await checkLogPlace(logPath);
  if (!(await isAlive(monitor.pid, monitor.startTime)))
    throw new RuntimeError("FailedPrecondition", `reopen log ${logPath}: its writer, conmon, is gone`);
  const before = await identity(logPath);
  if (before !== undefined && (await openFiles(monitor.pid)).includes(before)) return;
  const next = await makeNextLog(logPath, monitor.pid);
  try {
    await control.reopenLog();
    for (let waited = 0; waited < waitMs; waited += 2) {
      const now = await identity(logPath);
      if (now !== undefined && now !== before) return;
      await sleep(2);
    }
    throw new RuntimeError(
      "DeadlineExceeded",
      `reopen log ${logPath}: conmon has created no new file after ${waitMs} ms`,
    );
  } finally {
    await rm(next, { force: true });
  }
}
