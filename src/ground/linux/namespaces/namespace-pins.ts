import { rmdirSync, rmSync, statfsSync } from "node:fs";
import { unmountNow } from "../mounts/mount.ts";
import { namespaceKinds } from "./namespace-calls.ts";

/**
 * Removes the pins that {@link "./namespace-thread.ts"} created in `directory`, and the directory if nothing
 * else is in it. Idempotent; a namespace is removed with its last process and descriptor. Blocks the calling
 * thread for a few system calls, each of which may wait for other mounts.
 */
export function unpinNamespaces(directory: string): void {
  for (const kind of [...namespaceKinds, "user"]) {
    unmountNow(`${directory}/${kind}`, { detach: true, missingOk: true });
    rmSync(`${directory}/${kind}`, { force: true });
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}

const NSFS_MAGIC = 0x6e736673;

/** Whether a namespace is pinned at `path`, which must be on a file system in memory. */
export function isNamespacePin(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}
