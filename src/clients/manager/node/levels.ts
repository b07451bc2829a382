import { readFile, statfs } from "node:fs/promises";
import { ignoreGone } from "../../../ground/fs/index.ts";
import type { Level, Levels } from "./thresholds.ts";

/**
 * Reads the available memory and the space on the file systems of pods' files and of images. What cannot be
 * read is left out.
 */
export async function readLevels(dataDir: string, imageDir: string | undefined): Promise<Levels> {
  const disk = await fileSystem(dataDir);
  const images = imageDir === undefined ? undefined : await fileSystem(imageDir);
  return {
    "memory.available": await memory(),
    ...(disk === undefined ? {} : { "nodefs.available": disk.bytes, "nodefs.inodesFree": disk.inodes }),
    ...(images === undefined
      ? {}
      : { "imagefs.available": images.bytes, "imagefs.inodesFree": images.inodes }),
  };
}

/** Counted as a kubelet does for the root cgroup: inactive file cache is free. */
async function memory(): Promise<Level> {
  const lines = (await readFile("/proc/meminfo", "utf8")).split("\n");
  const bytes = (name: string) => {
    const line = lines.find((one) => one.startsWith(`${name}:`)) ?? "";
    return Number.parseInt(line.slice(name.length + 1), 10) * 1024;
  };
  return { available: bytes("MemFree") + bytes("Inactive(file)"), capacity: bytes("MemTotal") };
}

async function fileSystem(
  directory: string,
): Promise<{ readonly bytes: Level; readonly inodes: Level } | undefined> {
  const found = await statfs(directory).catch(ignoreGone);
  if (found === undefined) return undefined;
  const { bavail, blocks, bsize, ffree, files } = found;
  return {
    bytes: { available: bavail * bsize, capacity: blocks * bsize },
    inodes: { available: ffree, capacity: files },
  };
}
