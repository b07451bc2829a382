import { chown, mkdir, rmdir, stat } from "node:fs/promises";
import { bindMount } from "./bind-mount.ts";
import { unmount } from "./mount.ts";
import type { OverlaySnapshotMount } from "./overlay-mount.ts";
import { mountOverlay } from "./overlay-mount.ts";
import type { SnapshotMount } from "./snapshot-mount.ts";

export type SnapshotMapping = {
  /** File of the user namespace. */
  readonly userNamespace: string;
  /** The host user of its root, who owns the root directory of the upper layer. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The directory that holds all layers. */
  readonly layers: string;
  /**
   * Created for the duration of the mount operation; a crash leaves it behind, with a mount on it. The mount
   * table shows the layers by their numbers in it.
   */
  readonly scratch: string;
};

/**
 * Like {@link mountSnapshot}, with the users and groups of the image mapped to those of a user namespace.
 * overlayfs itself cannot be ID-mapped, but its lower layers can (Linux 5.19): one ID-mapped mount of the
 * directory that contains them serves all layers, except for those that are mounts themselves, which need one
 * each. Files that the container writes into the upper layer have the owners that its users have outside of
 * the namespace.
 */
export async function mountMappedSnapshot(
  mounts: readonly SnapshotMount[],
  target: string,
  mapping: SnapshotMapping,
): Promise<void> {
  for (const each of mounts) {
    if (each.type === "overlay") await mountMappedOverlay(each, target, mapping);
    else await bindMount(each.source, target, { readonly: each.readonly, idmap: mapping.userNamespace });
  }
}

/** `flags` are those of mount(2). */
export async function mountMappedOverlay(
  overlay: OverlaySnapshotMount,
  target: string,
  { userNamespace, owner, layers, scratch }: SnapshotMapping,
  flags = 0,
): Promise<void> {
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  await bindMount(layers, scratch, { idmap: userNamespace, readonly: true });
  try {
    const inScratch = (path: string) =>
      `${path}/`.startsWith(`${layers}/`) ? scratch + path.slice(layers.length) : path;
    for (const layer of await mountsBelow(layers, overlay.lower))
      await bindMount(layer, inScratch(layer), { idmap: userNamespace, readonly: true });
    const { upper } = overlay;
    if (upper !== undefined && owner !== undefined) await chown(upper.directory, owner.uid, owner.gid);
    await mountOverlay({ ...overlay, lower: overlay.lower.map(inScratch) }, target, flags);
  } finally {
    // The overlay keeps its own mounts of its layers.
    await unmount(scratch, { detach: true });
    await rmdir(scratch);
  }
}

/** Those of `paths` below `directory` that have a file system of their own. */
async function mountsBelow(directory: string, paths: readonly string[]): Promise<readonly string[]> {
  const { dev } = await stat(directory);
  const below = paths.filter((path) => path.startsWith(`${directory}/`));
  const devices = await Promise.all(below.map(async (path) => (await stat(path)).dev));
  return below.filter((_, index) => devices[index] !== dev);
}
