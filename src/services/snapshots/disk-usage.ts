import { isErrno } from "../../ground/fs/index.ts";
import { listAt, statAt } from "../../ground/linux/index.ts";
import { TreeCursor } from "../../ground/trees/index.ts";
import type { Usage } from "./snapshotter.ts";

/** `st_blocks` counts these, whatever the file system's own blocks are. */
export const blockBytes = 512n;

/**
 * Disk usage of a tree of any depth, with each inode counted once. Synchronous. Files that vanish in the
 * meantime are left out.
 */
export function diskUsage(path: string): Usage {
  using cursor = new TreeCursor(path);
  const seen = new Set<bigint>();
  let blocks = statAt(cursor.directory, ".")?.blocks ?? 0n;
  /** Directories still to be entered, by level. */
  const levels = [directoriesIn(cursor)];
  for (let names = levels.at(-1); names !== undefined; names = levels.at(-1)) {
    const name = names.pop();
    if (name !== undefined) {
      if (enter(cursor, name)) levels.push(directoriesIn(cursor));
      continue;
    }
    levels.pop();
    if (levels.length > 0) cursor.up();
  }
  return { sizeBytes: Number(blocks * blockBytes), inodes: seen.size + 1 };

  function directoriesIn({ directory }: TreeCursor): string[] {
    const directories: string[] = [];
    for (const name of listAt(directory, ".")) {
      const stat = statAt(directory, name);
      if (stat === undefined) continue;
      if (stat.isDirectory()) directories.push(name);
      if (seen.has(stat.ino)) continue;
      seen.add(stat.ino);
      blocks += stat.blocks;
    }
    return directories;
  }
}

/** False if it no longer exists, or is no longer a directory. */
function enter(cursor: TreeCursor, name: string): boolean {
  try {
    cursor.down(name);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP", "ENOTDIR")) return false;
    throw error;
  }
}
