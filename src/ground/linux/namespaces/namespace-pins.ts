import { rm, rmdir, statfs } from "node:fs/promises";
import { unmount } from "../mounts/mount.ts";
import { namespaceKinds } from "./namespace-calls.ts";

/**
 * Takes away the pins that {@link "./namespace-thread.ts"} made in `directory`, and the directory with them
 * when nothing else is in it. Idempotent; a namespace goes when its last process and descriptor go.
 */
export async function unpinNamespaces(directory: string): Promise<void> {
  for (const kind of [...namespaceKinds, "user"]) {
    await unmount(`${directory}/${kind}`, { detach: true, missingOk: true });
    await rm(`${directory}/${kind}`, { force: true });
  }
  try {
    await rmdir(directory);
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
