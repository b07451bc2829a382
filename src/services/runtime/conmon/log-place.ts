import { lstat, readdir, stat } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/**
 * Refuses a log path at which something other than a regular file lies: conmon opens what is there, follows a symbolic
 * link to any file of the host's, and waits for ever at a FIFO. Who may write to the directory, such as a container that
 * mounts it, could put one there. Throws RuntimeError FailedPrecondition.
 */
export async function checkLogPlace(logPath: string): Promise<void> {
  const info = await lstat(logPath).catch(ignoreMissing);
  if (info === undefined || info.isFile()) return;
  const what = info.isSymbolicLink() ? "a symbolic link" : "something that is not a regular file";
  throw new RuntimeError(
    "FailedPrecondition",
    `log ${JSON.stringify(logPath)}: refusing to write to ${what}; remove it`,
  );
}

/**
 * The same once conmon has opened its log, as between {@link checkLogPlace} and that there is time to put a link there: what it has
 * open must be what lies there. The container is not started yet, and nothing is written. Throws RuntimeError FailedPrecondition.
 */
export async function checkOpenedLog(logPath: string, monitorPid: number): Promise<void> {
  await checkLogPlace(logPath);
  const there = await lstat(logPath, { bigint: true }).catch(ignoreMissing);
  if (there?.isFile() && (await openFiles(monitorPid)).includes(identityOf(there))) return;
  throw new RuntimeError(
    "FailedPrecondition",
    `log ${JSON.stringify(logPath)}: it was removed or replaced while conmon opened it; try again`,
  );
}

/** Device and inode of the file that a path leads to; undefined when there is none. */
export async function identity(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(ignoreMissing);
  return found === undefined ? undefined : identityOf(found);
}

/** The same of all files that a process has open. */
export async function openFiles(pid: number): Promise<readonly (string | undefined)[]> {
  const directory = `/proc/${pid}/fd`;
  const names = (await readdir(directory).catch(ignoreMissing)) ?? [];
  return Promise.all(names.map((name) => identity(`${directory}/${name}`)));
}

function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}
