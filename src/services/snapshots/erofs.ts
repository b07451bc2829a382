import { tryErofs } from "./erofs-trial.ts";
import { LayerMounts } from "./layer-mounts.ts";
import { overlayfsStyle } from "./overlayfs.ts";
import type { SnapshotStyle } from "./style.ts";

/**
 * EROFS: a layer is its uncompressed archive and an index over it, an EROFS image that the kernel mounts from
 * these two files. Nothing is unpacked, and deletion is that of two files. All else is overlayfs's:
 * containers have an overlay over these mounts, and what was written through a mount and committed stays a
 * directory. Snapshots are made only where the kernel can do this, and with `verity` only where the file
 * system has fs-verity. Throws as {@link overlayfsStyle} does.
 */
export function erofsStyle(root: string, { verity }: { readonly verity: boolean }): SnapshotStyle {
  const overlayfs = overlayfsStyle(root);
  const layerMounts = new LayerMounts({ verity });
  let works: Promise<void> | undefined;
  return {
    ...overlayfs,
    name: "erofs",
    layerMounts,
    layerTarget: ({ image }) => ({ form: "image", directory: image }),
    populate: async (directory, kind, parents, made, owner) => {
      works ??= tryErofs(root, { verity });
      await works.catch((error: unknown) => {
        // The administrator may load a module.
        works = undefined;
        throw error;
      });
      await Promise.all(parents.map((parent) => layerMounts.mount(parent)));
      await overlayfs.populate(directory, kind, parents, made, owner);
    },
    mounts: (directory, kind, parents) => {
      layerMounts.check(parents);
      return overlayfs.mounts(directory, kind, parents);
    },
  };
}
