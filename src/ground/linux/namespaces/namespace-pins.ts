import { rmdirSync, rmSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { unmountNow } from "../mounts/mount.ts";
import { namespaceKinds } from "./namespace-calls.ts";

/**
 * Takes away the pins that {@link "./namespace-thread.ts"} made in `directory`, and the directory with them
 * when nothing else is in it. Idempotent; a namespace goes when its last process and descriptor go. Blocks
 * the calling thread for some system calls each of which may wait for others that mount.
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

/** True if a namespace is pinned at `path`; false for anything else, or nothing, that is there. */
export async function isNamespacePin(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === NSFS_MAGIC;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}
