import { tryErofs } from "./erofs-trial.ts";
import { LayerMounts } from "./layer-mounts.ts";
import { overlayfsStyle } from "./overlayfs.ts";
import type { SnapshotStyle } from "./style.ts";

/**
 * EROFS: a layer is its uncompressed archive and an index over it, an EROFS image that the kernel mounts from
 * these two files. Nothing is unpacked, and deleting a layer deletes two files. Everything else is as with
 * overlayfs: containers have an overlay over these mounts, and a snapshot that was written through a mount
 * and committed stays a directory. Requires kernel support, and with `verity` a file system that has
 * fs-verity. Throws as {@link overlayfsStyle} does.
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
        // The administrator may load a module later.
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
