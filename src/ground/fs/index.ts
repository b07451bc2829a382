/** Common helpers for files and for errors of system calls. This room does not know what the files are. */
import { readFileSync } from "node:fs";
import { access, readFile } from "node:fs/promises";

export { KeptRoom, KeptRoomError } from "./kept-room.ts";

/**
 * Whether something accessible exists at the path. Also false if that cannot be determined: callers that need
 * the difference use stat.
 */
export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Whether an error, Node's or a LinuxError, comes from a system call with one of these errnos. */
export function isErrno(error: unknown, ...errnos: readonly string[]): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown };
  return errnos.some((name) => name === code || name === errno);
}

/** For `.catch`: turns ENOENT into undefined. Throws every other error. */
export function ignoreMissing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT")) throw error;
}

/**
 * For `.catch` of looks at paths that others choose: undefined if such a path leads nowhere (ENOENT, ENOTDIR,
 * ELOOP, ENAMETOOLONG). Throws every other error: EMFILE or EIO, for instance, does not mean that nothing is
 * there.
 */
export function ignoreNowhere(error: unknown): undefined {
  if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG")) throw error;
}

/**
 * For `.catch` of reads of /proc and cgroups: undefined if the process or cgroup is gone, which may happen
 * while a file is open (ESRCH, ENODEV). Throws every other error: EMFILE, for instance, does not mean that
 * nothing is there.
 */
export function ignoreGone(error: unknown): undefined {
  if (!isErrno(error, "ENOENT", "ESRCH", "ENODEV")) throw error;
}

/** The text of a file of /proc or of a cgroup; undefined if the process or cgroup is gone. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(ignoreGone);
}

/**
 * Like {@link readIfThere}, but synchronous: for files that the kernel serves from memory without blocking.
 * Going through libuv's pool costs ten times as much as the read.
 */
export function readNow(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return ignoreGone(error);
  }
}
