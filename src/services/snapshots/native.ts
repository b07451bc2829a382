import type { SnapshotStyle } from "./style.ts";
import type { TreeThreads } from "./tree-threads.ts";

/**
 * Plain directories: a snapshot is a full copy of its parent, with reflinks if the file system supports them.
 * For hosts and file systems without overlayfs.
 */
export function nativeStyle(worker: TreeThreads): SnapshotStyle {
  return {
    name: "native",
    rebase: false,
    needsWork: false,
    layerTarget: ({ fs }) => ({ directory: fs, whiteouts: "remove" }),
    populate: async (directory, kind, [parent], made) => {
      await made;
      if (kind === "active" && parent !== undefined)
        await worker.run({ kind: "copy", from: parent.fs, to: directory.fs });
    },
    mounts: (directory, kind, [parent]) => {
      const source = kind === "active" ? directory.fs : (parent ?? directory).fs;
      return [{ type: "bind", source, readonly: kind !== "active" }];
    },
  };
}
