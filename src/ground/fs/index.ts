/**
 * The questions that everybody asks of files and of the errors of system calls. This room knows nothing of
 * what the files are.
 */
import { readFileSync } from "node:fs";
import { access, readFile } from "node:fs/promises";

export { KeptRoom, KeptRoomError } from "./kept-room.ts";

/**
 * Whether something is at the path that can be looked at. False also where it cannot be told: a caller that
 * must tell these apart uses stat.
 */
export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Whether an error is of a system call that failed with one of these errnos: one of Node's own, or a
 * LinuxError.
 */
export function isErrno(error: unknown, ...errnos: readonly string[]): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown };
  return errnos.some((name) => name === code || name === errno);
}

/** For `.catch`: undefined in place of what is not there. Throws every other error. */
export function ignoreMissing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT")) throw error;
}

/**
 * For `.catch` of looks at /proc and at cgroups: undefined in place of what is gone, which may happen while a
 * file is open (ESRCH of a process, ENODEV of a cgroup). Throws every other error: whoever cannot look
 * (EMFILE, say) has not seen that nothing is there.
 */
export function ignoreGone(error: unknown): undefined {
  if (!isErrno(error, "ENOENT", "ESRCH", "ENODEV")) throw error;
}

/** The text of a file of /proc or of a cgroup; undefined when what it tells of is gone. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(ignoreGone);
}

/**
 * Like {@link readIfThere}, at once: for files that the kernel answers from memory and that nothing can hold
 * up. A trip through libuv's pool wakes a thread for it and the main thread again, which costs ten times what
 * the read does.
 */
export function readNow(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return ignoreGone(error);
  }
}
