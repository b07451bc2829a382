import { statfs } from "node:fs/promises";
import type { FileSystemStats } from "../../engine/index.ts";
import { mountOf } from "../../linux/index.ts";

/** Of the file system that holds a directory. */
export async function fileSystemStats(directory: string): Promise<FileSystemStats> {
  const [stats, mount] = await Promise.all([statfs(directory, { bigint: true }), mountOf(directory)]);
  return {
    device: mount?.source ?? "",
    sizeBytes: stats.blocks * stats.bsize,
    inodes: stats.files,
    freeInodes: stats.ffree,
  };
}
