import { mkdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Creates a directory and its missing parents; not an error if it exists. Node's own `recursive` may retry
 * forever, in a thread of its pool, where the kernel refuses a directory, and says ENOENT of a file system
 * that is read-only. Throws the errors of mkdir(2),
 * except EEXIST.
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    await makeDirectories(dirname(path), mode);
    await mkdir(path, { mode }).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== "EEXIST") throw again;
    });
  }
}

/** The same, synchronous: only for a path of the daemon's own in memory. */
export function makeDirectoriesNow(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    makeDirectoriesNow(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}
