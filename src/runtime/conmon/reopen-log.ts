import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeError } from "../runtime-error.ts";
import { ignoreMissing } from "./task-files.ts";

/** Type of the message, and two numbers that it does not use. */
const reopenMessage = "2 0 0\n";
const waitMs = 5_000;

/**
 * Makes conmon close its log and make a new one, and resolves when that is there. What still lies under the log's name
 * is replaced: whoever rotates renames it first.
 */
export async function reopenLog(control: string, logPath: string | undefined): Promise<void> {
  if (logPath === undefined) return;
  const before = await inode(logPath);
  await writeControl(control, reopenMessage);
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

/** Opened without waiting: a FIFO that nobody reads means that conmon is gone. */
async function writeControl(control: string, message: string): Promise<void> {
  try {
    await using fifo = await open(control, constants.O_WRONLY | constants.O_NONBLOCK);
    await fifo.write(message);
  } catch (cause) {
    throw new RuntimeError("FailedPrecondition", `reopen log: conmon does not listen on ${control}`, {
      cause,
    });
  }
}

async function inode(path: string): Promise<bigint | undefined> {
  return (await stat(path, { bigint: true }).catch(ignoreMissing))?.ino;
}
