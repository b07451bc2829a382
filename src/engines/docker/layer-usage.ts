import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, readIfThere } from "../../ground/fs/index.ts";
import { parseMountInfo } from "../../ground/linux/index.ts";

/** The unit of `st_blocks`, whatever the file system's block size is. */
const blockBytes = 512;

/** The disk space of a tree, with each inode counted once. Files that vanish during the walk are left out. */
export async function layerUsage(
  root: string,
): Promise<{ readonly sizeBytes: number; readonly inodes: number }> {
  const seen = new Set<number>();
  let blocks = 0;
  const pending = [root];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stats = await lstat(path).catch(ignoreMissing);
    if (stats === undefined || seen.has(stats.ino)) continue;
    seen.add(stats.ino);
    blocks += stats.blocks;
    if (!stats.isDirectory()) continue;
    const directory = await opendir(path).catch(ignoreMissing);
    if (directory === undefined) continue;
    for await (const { name } of directory) pending.push(join(path, name));
  }
  return { sizeBytes: blocks * blockBytes, inodes: seen.size };
}

/**
 * The upper directory of the overlay that a process has as its root. Engines with containerd's image store
 * (the default from 29 on) do not report it. Undefined if the process is gone or its root is not an overlay.
 */
export async function layerOfProcess(pid: number): Promise<string | undefined> {
  if (pid === 0) return undefined;
  const mounts = parseMountInfo((await readIfThere(`/proc/${pid}/mountinfo`)) ?? "");
  const root = mounts.findLast(({ mountPoint, type }) => mountPoint === "/" && type === "overlay");
  return root?.superOptions.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
}
