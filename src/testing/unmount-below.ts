import { mountInfo, unmount } from "../ground/linux/index.ts";

/**
 * Unmounts all that is mounted below a directory, as a shutdown of the machine does; layers of the erofs
 * snapshotter stay mounted when it is closed.
 */
export async function unmountBelow(directory: string): Promise<void> {
  for (const { mountPoint } of (await mountInfo()).toReversed())
    if (mountPoint.startsWith(`${directory}/`)) await unmount(mountPoint, { detach: true });
}
