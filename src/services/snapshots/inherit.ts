import type { BigIntStats } from "node:fs";
import {
  closeFile,
  getXattrAt,
  LinuxError,
  openDirectory,
  openDirectoryBeneath,
  statAt,
} from "../../ground/linux/index.ts";
import { type InodeAttributes, indexAgain } from "../../parts/unpack/index.ts";
import { copyAttributes, timestampOf, xattrsOf } from "./copy-tree.ts";

/**
 * Gives directories of `upper` the owner, mode, xattrs and times that the overlay of the `lower` trees
 * (nearest first) has at the same path; if it has no directory there, they stay as they are. `directories`
 * are byte strings, relative to the root. Synchronous. Throws LinuxError and Node's own errors.
 */
export function inheritDirectories(
  upper: string,
  lower: readonly string[],
  directories: readonly string[],
): void {
  const root = openDirectory(upper);
  try {
    forShown(lower, directories, (path, { fd, stat }) => {
      const to = openDirectoryBeneath(root, path);
      try {
        copyAttributes({ from: fd, to, name: "." }, stat);
      } finally {
        closeFile(to);
      }
    });
  } finally {
    closeFile(root);
  }
}

/** The same for a layer stored as an image in the directory `image`. Also throws UnpackError. */
export function inheritInImage(
  image: string,
  lower: readonly string[],
  directories: readonly string[],
): void {
  const inherited = new Map<string, InodeAttributes>();
  forShown(lower, directories, (path, { fd, stat }) => inherited.set(path, attributesOf(fd, stat)));
  if (inherited.size > 0) indexAgain(image, inherited);
}

function attributesOf(directory: number, stat: BigIntStats): InodeAttributes {
  const keys = xattrsOf(directory, ".");
  return {
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: timestampOf(stat),
    xattrs: new Map(keys.map((key) => [key, getXattrAt(directory, ".", key)])),
  };
}

type Shown = { readonly fd: number; readonly stat: BigIntStats };

/** Calls `use` with each directory that the overlay of the `lower` trees shows. */
function forShown(
  lower: readonly string[],
  directories: readonly string[],
  use: (path: string, shown: Shown) => void,
): void {
  const opened: number[] = [];
  try {
    for (const path of lower) opened.push(openDirectory(path));
    for (const path of directories) {
      const found = shownIn(opened, path);
      if (found === undefined) continue;
      try {
        use(path, found);
      } finally {
        closeFile(found.fd);
      }
    }
  } finally {
    opened.forEach(closeFile);
  }
}

function shownIn(lower: readonly number[], path: string): Shown | undefined {
  for (const root of lower) {
    const found = lookUp(root, path);
    if (found === "hidden") return undefined;
    if (found !== "absent") return found;
  }
  return undefined;
}

/**
 * Looks up in one layer, as overlayfs does: an opaque directory, or anything but a directory, hides all
 * layers below.
 */
function lookUp(root: number, path: string): Shown | "absent" | "hidden" {
  let parent = "";
  for (const name of path.split("/")) {
    const directory = openDirectoryBeneath(root, parent);
    try {
      const stat = statAt(directory, name);
      if (stat === undefined) return isOpaque(root, parent) ? "hidden" : "absent";
      if (!stat.isDirectory()) return "hidden";
      parent = parent === "" ? name : `${parent}/${name}`;
      if (parent === path) return { fd: openDirectoryBeneath(root, path), stat };
    } finally {
      closeFile(directory);
    }
  }
  return "absent";
}

/** Whether the directory at `path` or one above it is opaque. */
function isOpaque(root: number, path: string): boolean {
  const directory = openDirectoryBeneath(root, path);
  try {
    if (opaqueFlag(directory)) return true;
  } finally {
    closeFile(directory);
  }
  return path !== "" && isOpaque(root, path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
}

function opaqueFlag(directory: number): boolean {
  try {
    return Buffer.from(getXattrAt(directory, ".", "trusted.overlay.opaque")).toString() === "y";
  } catch (error) {
    if (error instanceof LinuxError && (error.errno === "ENODATA" || error.errno === "EOPNOTSUPP"))
      return false;
    throw error;
  }
}
