import type { BigIntStats } from "node:fs";
import {
  closeFile,
  getXattrAt,
  LinuxError,
  openDirectory,
  openDirectoryBeneath,
  statAt,
} from "../../ground/linux/index.ts";
import { copyAttributes } from "./copy-tree.ts";

/**
 * Gives directories of `upper` owner, mode, xattrs and times of what the overlay of the `lower` trees,
 * nearest first, shows at the same path; those that it does not show, or not as a directory, stay as they
 * are. `directories` are byte strings from the root. Synchronous. Throws LinuxError and Node's own errors.
 */
export function inheritDirectories(
  upper: string,
  lower: readonly string[],
  directories: readonly string[],
): void {
  const opened: number[] = [];
  try {
    const to = openDirectory(upper);
    opened.push(to);
    for (const path of lower) opened.push(openDirectory(path));
    for (const path of directories) inherit(to, opened.slice(1), path);
  } finally {
    opened.forEach(closeFile);
  }
}

function inherit(upper: number, lower: readonly number[], path: string): void {
  for (const root of lower) {
    const found = lookUp(root, path);
    if (found === "hidden") return;
    if (found === "absent") continue;
    const to = openDirectoryBeneath(upper, path);
    try {
      copyAttributes({ from: found.fd, to, name: "." }, found.stat);
    } finally {
      closeFile(to);
      closeFile(found.fd);
    }
    return;
  }
}

/** As overlayfs looks up in one layer: what is no directory, or is an opaque one, hides all layers below. */
function lookUp(root: number, path: string): { fd: number; stat: BigIntStats } | "absent" | "hidden" {
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
