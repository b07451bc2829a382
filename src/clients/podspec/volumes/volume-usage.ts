import type { Stats } from "node:fs";
import { lstat, opendir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, isErrno } from "../../../ground/fs/index.ts";
import { mountsBelow } from "../../../ground/linux/index.ts";
import { quantityValue } from "../../../ground/quantity/index.ts";
import type { PodContext } from "../context.ts";
import type { Pod } from "../pod.ts";
import { emptyDirPath } from "./empty-dir.ts";

const blockBytes = 512;

/** Whether a pod has volumes whose size must be checked periodically; the kernel limits those in memory. */
export function hasLimitedVolumes(pod: Pod): boolean {
  return limitedVolumes(pod).length > 0;
}

/** A kubelet's message about a volume that exceeds its size limit; undefined if none does. */
export async function overfullVolume(pod: Pod, context: PodContext): Promise<string | undefined> {
  for (const volume of limitedVolumes(pod)) {
    const { sizeLimit = "" } = volume.emptyDir ?? {};
    const limit = quantityValue(sizeLimit) ?? 0;
    if ((await treeBytes(emptyDirPath(volume, pod, context), limit)) > limit)
      return `Usage of EmptyDir volume "${volume.name}" exceeds the limit "${sizeLimit}".`;
  }
  return undefined;
}

function limitedVolumes({ spec }: Pod) {
  return (spec.volumes ?? []).filter(
    ({ emptyDir }) => emptyDir?.sizeLimit !== undefined && (emptyDir.medium ?? "") === "",
  );
}

/**
 * The disk usage of a tree in bytes; stops counting beyond `limit`. A missing tree, and what is mounted
 * inside it (memory, parts of other volumes), count as 0.
 */
export async function treeBytes(directory: string, limit = Number.POSITIVE_INFINITY): Promise<number> {
  let bytes = 0;
  for await (const { blocks } of filesBelow(directory)) {
    bytes += blocks * blockBytes;
    if (bytes > limit) break;
  }
  return bytes;
}

/** The number of inodes of a tree, counted as in {@link treeBytes}. */
export async function treeInodes(directory: string): Promise<number> {
  let inodes = 0;
  for await (const _ of filesBelow(directory)) inodes++;
  return inodes;
}

/** All files and directories, each once. */
async function* filesBelow(directory: string): AsyncGenerator<Stats> {
  const mounted = new Set(await mountsBelow(directory));
  const linked = new Set<number>();
  const left = [(await realpath(directory).catch(ignoreMissing)) ?? directory];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const entries = await opendir(next).catch((error: unknown) => {
      // A directory that vanishes or becomes a file meanwhile counts as empty.
      if (isErrno(error, "ENOTDIR")) return undefined;
      return ignoreMissing(error);
    });
    if (entries === undefined) continue;
    for await (const entry of entries) {
      const path = join(next, entry.name);
      if (mounted.has(path)) continue;
      const found = await lstat(path).catch(ignoreMissing);
      if (found === undefined || (found.nlink > 1 && !found.isDirectory() && linked.has(found.ino))) continue;
      if (found.nlink > 1) linked.add(found.ino);
      yield found;
      if (found.isDirectory()) left.push(path);
    }
  }
}
