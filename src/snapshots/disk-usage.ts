import { closeFile, listAt, openDirectory, openDirectoryBeneath, statAt } from "../linux/index.ts";
import type { Usage } from "./snapshotter.ts";

/** `st_blocks` counts these, whatever the file system's own blocks are. */
const blockBytes = 512n;

/** What a tree takes on its disk, each inode counted once. Synchronous. Files that vanish meanwhile are left out. */
export function diskUsage(path: string): Usage {
  const root = openDirectory(path);
  const seen = new Set<bigint>();
  let blocks = statAt(root, ".")?.blocks ?? 0n;
  try {
    for (const stat of walk(root, "")) {
      if (seen.has(stat.ino)) continue;
      seen.add(stat.ino);
      blocks += stat.blocks;
    }
  } finally {
    closeFile(root);
  }
  return { sizeBytes: Number(blocks * blockBytes), inodes: seen.size + 1 };
}

function* walk(root: number, path: string): Generator<{ readonly ino: bigint; readonly blocks: bigint }> {
  const directories: string[] = [];
  const directory = openDirectoryBeneath(root, path);
  try {
    for (const name of listAt(directory, ".")) {
      const stat = statAt(directory, name);
      if (stat === undefined) continue;
      if (stat.isDirectory()) directories.push(path === "" ? name : `${path}/${name}`);
      yield stat;
    }
  } finally {
    closeFile(directory);
  }
  for (const child of directories) yield* walk(root, child);
}
