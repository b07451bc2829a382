import { basename, dirname } from "node:path";
import { isErrno } from "../../../ground/fs/index.ts";
import { LinuxError, listAt, setXattrAt, statAt, toByteString } from "../../../ground/linux/index.ts";
import { TreeCursor } from "../../../ground/trees/index.ts";

/**
 * Gives a label to a file, or to a directory and all in it, however deep, also in what is mounted there.
 * Symbolic links are labelled and not followed, also by one who changes the tree meanwhile. A file system
 * that keeps no labels is left as it is. `path` has no links in it. Synchronous: for a thread, where there
 * may be many files. Throws LinuxError, and TreeError Aborted when a directory was moved meanwhile.
 */
export function labelTree(path: string, label: string): void {
  const value = Buffer.from(`${label}\0`);
  using cursor = new TreeCursor(dirname(path), { entersMounts: true });
  const name = toByteString(basename(path));
  if (statAt(cursor.directory, name) === undefined) throw new LinuxError("stat", "ENOENT", path);
  /** Names that are still to be labelled, by level. */
  const levels = [[name]];
  for (let names = levels.at(-1); names !== undefined; names = levels.at(-1)) {
    const next = names.pop();
    if (next !== undefined) {
      if (setLabel(cursor.directory, next, value) && enter(cursor, next))
        levels.push([...listAt(cursor.directory, ".")]);
      continue;
    }
    levels.pop();
    if (levels.length > 0) cursor.up();
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

/** False for what is gone, or no directory. */
function enter(cursor: TreeCursor, name: string): boolean {
  try {
    cursor.down(name);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOTDIR", "ELOOP", "ENOENT")) return false;
    throw error;
  }
}
