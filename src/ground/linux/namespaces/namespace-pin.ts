import { statfs } from "node:fs/promises";

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
