import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, readIfThere } from "../../ground/fs/index.ts";
import { parseMountInfo } from "../../ground/linux/index.ts";

/** `st_blocks` counts these, whatever the file system's own blocks are. */
const blockBytes = 512;

/** What a tree takes on its disk, each inode counted once. Files that vanish meanwhile are left out. */
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
 * The writable layer of the overlay that a process has as its root: engines that keep images as containerd
 * does (29 by itself) say nothing of it. Undefined for a process that is gone, or has another root.
 */
export async function layerOfProcess(pid: number): Promise<string | undefined> {
  if (pid === 0) return undefined;
  const mounts = parseMountInfo((await readIfThere(`/proc/${pid}/mountinfo`)) ?? "");
  const root = mounts.findLast(({ mountPoint, type }) => mountPoint === "/" && type === "overlay");
  return root?.superOptions.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
}
