import { rmdirSync } from "node:fs";
import { isErrno } from "../../../ground/fs/index.ts";
import { mountInfo, unmount } from "../../../ground/linux/index.ts";
import { removeNow, type TreeRemover } from "../../../ground/trees/index.ts";
import { EngineError } from "../../engine/index.ts";

/**
 * Removes a directory of ours in the state directory with what is in it; no error when it is not there.
 * Throws EngineError FailedPrecondition when something is still mounted below it: following that would delete
 * what belongs to somebody else.
 */
export async function removeDirectory(directory: string, trees: Pick<TreeRemover, "remove">): Promise<void> {
  if (removeNow(directory)) return;
  const mounted = (await mountInfo()).find(
    ({ mountPoint }) => mountPoint === directory || mountPoint.startsWith(`${directory}/`),
  );
  if (mounted !== undefined) {
    throw new EngineError(
      "FailedPrecondition",
      `cannot remove ${directory}: ${mounted.mountPoint} is still mounted; unmount it and try again`,
    );
  }
  await trees.remove(directory);
}

/**
 * Unmounts what is mounted on a directory of ours and removes the directory, which must then be empty: what
 * lies in a mount is never deleted through its mount point. Detached, for a process that looks into it from
 * outside must not keep it from going. No error when it is not mounted, or not there.
 */
export async function removeMountPoint(directory: string): Promise<void> {
  if (isRemoved(directory)) return;
  await unmount(directory, { detach: true, missingOk: true });
  if (!isRemoved(directory)) rmdirSync(directory);
}

/** False for a mount point, of which the kernel says so without a look into what is mounted. */
function isRemoved(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    if (isErrno(error, "EBUSY")) return false;
    throw error;
  }
}
