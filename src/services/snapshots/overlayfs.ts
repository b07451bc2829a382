import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotDirectory } from "./directories.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Mount } from "./snapshotter.ts";
import type { SnapshotStyle } from "./style.ts";

/**
 * overlayfs: a snapshot's directory holds its changes, and its parents' are the lower directories.
 *
 * Every mount is an overlay; that of a snapshot without parents is over an empty directory. So a layer can be
 * unpacked with overlayfs's whiteouts before its parent is known, and whiteouts in a bottom layer never
 * appear as devices. Throws SnapshotError InvalidArgument for a `root` that cannot be written in mount
 * options.
 */
export function overlayfsStyle(root: string): SnapshotStyle {
  if (/[,:\\]/.test(root)) {
    throw new SnapshotError(
      "InvalidArgument",
      `overlayfs cannot have layers in ${root}: choose a root path without , : and \\`,
    );
  }
  const empty = join(root, "empty");
  return {
    name: "overlayfs",
    rebase: true,
    needsWork: true,
    prepareRoot: async () => {
      await mkdir(empty, { recursive: true });
      await chmod(empty, 0o755);
    },
    layerTarget: ({ fs }) => ({ directory: fs, whiteouts: "overlayfs" }),
    populate: async (directory, kind, [parent], made, owner) => {
      const below = kind === "active" ? (owner ?? (parent && stat(parent.fs))) : undefined;
      const [root] = await Promise.all([below, made]);
      if (root === undefined) return;
      // The root directory of an overlay is its upper directory. As in containerd, it keeps its owner: root
      // of a user namespace, if a client has given all files to it.
      const { uid, gid } = root;
      if (uid !== 0 || gid !== 0) await chown(directory.fs, uid, gid);
    },
    mounts: (directory, kind, parents) => [
      kind === "active" ? writable(directory, parents, empty) : readonly(directory, parents, empty),
    ],
  };
}

/**
 * `index=off`: with the index, whose default is the kernel's, a directory cannot be a layer of several mounts
 * at once. Everything else is left to the kernel's defaults, as containerd does.
 */
const options = ["index=off"];

function writable(directory: SnapshotDirectory, parents: readonly SnapshotDirectory[], empty: string): Mount {
  const lower = parents.length === 0 ? [empty] : parents.map((parent) => parent.fs);
  return { type: "overlay", upper: { directory: directory.fs, work: directory.work }, lower, options };
}

/** Without an upper directory overlayfs wants two lower ones. */
function readonly(directory: SnapshotDirectory, parents: readonly SnapshotDirectory[], empty: string): Mount {
  const lower = parents.length === 0 ? [directory.fs] : parents.map((parent) => parent.fs);
  return {
    type: "overlay",
    upper: undefined,
    lower: lower.length === 1 ? [...lower, empty] : lower,
    options,
  };
}
