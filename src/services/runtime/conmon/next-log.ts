import { open, readdir, readlink, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../../../ground/errors/index.ts";
import { ignoreMissing, isErrno } from "../../../ground/fs/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/**
 * Makes the file that conmon (2.1) opens to rotate its log, and then renames to the log's own name: conmon ends when it cannot
 * make it, and with it the container's output; and it would follow a symbolic link that lies there. Returns its path. Throws
 * RuntimeError: ResourceExhausted (no room or no inode), FailedPrecondition (the directory is gone); conmon goes on with its
 * old file then.
 */
export async function makeNextLog(logPath: string, monitorPid: number): Promise<string> {
  const path = `${logPath}.tmp`;
  const mode = await modeOfLog(monitorPid, dirname(logPath));
  try {
    await unlink(path).catch(ignoreMissing);
    await using file = await open(path, "wx", mode);
    // Whatever the daemon's umask is.
    await file.chmod(mode);
    return path;
  } catch (cause) {
    const gone = isErrno(cause, "ENOENT");
    const what = gone ? "its directory is gone; recreate it" : "cannot create a new file";
    throw new RuntimeError(
      gone ? "FailedPrecondition" : codeOf(cause),
      `reopen log ${logPath}: ${what}; the container keeps writing to the old one`,
      { cause },
    );
  }
}

/** Versions of conmon make logs of different modes; the next one is to be like the one that is open. */
async function modeOfLog(monitorPid: number, directory: string): Promise<number> {
  const fds = `/proc/${monitorPid}/fd`;
  for (const name of (await readdir(fds).catch(ignoreMissing)) ?? []) {
    const target = await readlink(join(fds, name)).catch(ignoreMissing);
    if (target === undefined || dirname(target) !== directory) continue;
    const info = await stat(join(fds, name)).catch(ignoreMissing);
    if (info !== undefined) return info.mode & 0o777;
  }
  return 0o600;
}
