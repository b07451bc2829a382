import { lstat } from "node:fs/promises";
import { RuntimeError } from "../runtime-error.ts";
import { ignoreMissing } from "./task-files.ts";

/**
 * Refuses a log path at which something other than a regular file lies: conmon opens what is there, follows a symbolic
 * link to any file of the host's, and waits for ever at a FIFO. Who may write to the directory, such as a container that
 * mounts it, could put one there. Throws RuntimeError FailedPrecondition.
 */
export async function checkLogPlace(logPath: string): Promise<void> {
  const info = await lstat(logPath).catch(ignoreMissing);
  if (info === undefined || info.isFile()) return;
  const what = info.isSymbolicLink() ? "a symbolic link" : "no regular file";
  throw new RuntimeError(
    "FailedPrecondition",
    `log ${JSON.stringify(logPath)}: refusing to write to ${what}; remove it`,
  );
}
