import { realpath } from "node:fs/promises";
import { ignoreNowhere } from "../../fs/index.ts";
import { unmount } from "./mount.ts";
import { mountInfo } from "./mount-info.ts";

/**
 * Mount points below a directory, in the order of their creation, as the kernel's paths, without links; none
 * if the path leads nowhere. Throws an error of the file system for one that cannot be looked up.
 */
export async function mountsBelow(directory: string): Promise<readonly string[]> {
  const real = await realpath(directory).catch(ignoreNowhere);
  if (real === undefined) return [];
  const all = (await mountInfo()).map(({ mountPoint }) => mountPoint);
  return all.filter((mountPoint) => mountPoint.startsWith(`${real}/`));
}

/**
 * Unmounts everything below a directory, the latest mounts first. Lazily (MNT_DETACH), so that a process that
 * uses one does not prevent it. Throws LinuxError.
 */
export async function unmountBelow(directory: string): Promise<void> {
  for (const mountPoint of (await mountsBelow(directory)).toReversed())
    await unmount(mountPoint, { detach: true, missingOk: true });
}
