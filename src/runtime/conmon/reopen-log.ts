import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeError } from "../runtime-error.ts";
import type { MonitorControl } from "./monitor-control.ts";
import { ignoreMissing } from "./task-files.ts";

const waitMs = 5_000;

/**
 * Makes conmon close its log and make a new one, and resolves when that is there. What still lies under the log's name
 * is replaced: whoever rotates renames it first.
 */
export async function reopenLog(control: MonitorControl, logPath: string | undefined): Promise<void> {
  if (logPath === undefined) return;
  const before = await inode(logPath);
  await control.reopenLog();
  for (let waited = 0; waited < waitMs; waited += 2) {
    const now = await inode(logPath);
    if (now !== undefined && now !== before) return;
    await sleep(2);
  }
  throw new RuntimeError(
    "DeadlineExceeded",
    `reopen log ${logPath}: conmon has made no new file after ${waitMs} ms`,
  );
}

async function inode(path: string): Promise<bigint | undefined> {
  return (await stat(path, { bigint: true }).catch(ignoreMissing))?.ino;
}
