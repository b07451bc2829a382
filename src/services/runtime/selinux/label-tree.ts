import { basename, dirname } from "node:path";
import { isErrno } from "../../../ground/fs/index.ts";
import {
  closeFile,
  LinuxError,
  listAt,
  openDirectory,
  openDirectoryBeneath,
  setXattrAt,
  statAt,
  toByteString,
} from "../../../ground/linux/index.ts";

/**
 * Gives a label to a file, or to a directory and all in it. Symbolic links are labelled and not followed, also by one who
 * changes the tree meanwhile. A file system that keeps no labels is left as it is. `path` has no links in it.
 * Synchronous: for a thread, where there may be many files. Throws LinuxError.
 */
export function labelTree(path: string, label: string): void {
  const value = Buffer.from(`${label}\0`);
  const parent = openDirectory(dirname(path));
  try {
    const name = toByteString(basename(path));
    if (statAt(parent, name) === undefined) throw new LinuxError("stat", "ENOENT", path);
    labelAt(parent, name, value);
  } finally {
    closeFile(parent);
  }
}

function labelAt(parent: number, name: string, value: Uint8Array): void {
  if (!setLabel(parent, name, value)) return;
  const directory = openIfDirectory(parent, name);
  if (directory === undefined) return;
  try {
    for (const child of listAt(directory, ".")) labelAt(directory, child, value);
  } finally {
    closeFile(directory);
  }
}

/** False when it is gone, or its file system keeps no labels. */
function setLabel(parent: number, name: string, value: Uint8Array): boolean {
  try {
    setXattrAt(parent, name, "security.selinux", value);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTSUP", "EOPNOTSUPP")) return false;
    throw error;
  }
}

function openIfDirectory(parent: number, name: string): number | undefined {
  try {
    return openDirectoryBeneath(parent, name);
  } catch (error) {
    if (isErrno(error, "ENOTDIR", "ELOOP", "ENOENT")) return undefined;
    throw error;
  }
}
