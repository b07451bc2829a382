import { mountInfo, unmount } from "../../src/ground/linux/index.ts";

/** What tests of the whole daemon run with, where they do not choose themselves. */
export const testSnapshotter = process.env.BERTH_TEST_SNAPSHOTTER ?? "overlayfs";

/** Unmounts layers that the erofs snapshotter keeps mounted below a daemon's root, as a shutdown does. */
export async function unmountLayers(root: string): Promise<void> {
  for (const { mountPoint } of (await mountInfo({ type: "erofs" })).toReversed())
    if (mountPoint.startsWith(`${root}/`)) await unmount(mountPoint, { detach: true });
}
