import { chmod, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { isAtLeast, kernelRelease, mount } from "../../../ground/linux/index.ts";

/** Since Linux 6.4, a tmpfs can be excluded from swapping. */
const noSwap = isAtLeast(kernelRelease(), 6, 4) ? ",noswap" : "";

/**
 * Mounts a tmpfs with a mode and a group, unless it exists: its contents are never on a disk, and count as
 * the memory of whoever writes them. By default, its maximum size is half of the machine's memory.
 */
export async function memoryMount(
  directory: string,
  {
    mode,
    group,
    sizeBytes,
  }: { readonly mode: number; readonly group?: number | undefined; readonly sizeBytes?: number },
): Promise<void> {
  await makeDirectories(directory, 0o750);
  if (await isMountPoint(directory)) return;
  const size = sizeBytes === undefined ? "" : `,size=${sizeBytes}`;
  const owner = group === undefined ? "" : `,gid=${group}`;
  const data = `mode=${mode.toString(8)}${owner}${size}${noSwap}`;
  await mount({ source: "tmpfs", target: directory, type: "tmpfs", data });
}

/**
 * Mounts a hugetlbfs, whose files consist of huge pages, unless it exists; the kernel takes them from those
 * that are reserved on the machine.
 */
export async function hugePageMount(
  directory: string,
  {
    mode,
    group,
    pageBytes,
    sizeBytes,
  }: {
    readonly mode: number;
    readonly group?: number | undefined;
    readonly pageBytes: number;
    readonly sizeBytes?: number | undefined;
  },
): Promise<void> {
  await makeDirectories(directory, 0o750);
  // The mount option has no bit that gives new files the directory's group.
  const mounted = mode & 0o1777;
  if (!(await isMountPoint(directory))) {
    const size = sizeBytes === undefined ? "" : `,size=${Math.floor(sizeBytes)}`;
    const owner = group === undefined ? "" : `,gid=${group}`;
    const data = `pagesize=${pageBytes},mode=${mounted.toString(8)}${owner}${size}`;
    await mount({ source: "hugetlbfs", target: directory, type: "hugetlbfs", data });
  }
  // Also after a crash in between.
  if (((await stat(directory)).mode & 0o7777) === mounted) await chmod(directory, mode);
}

async function isMountPoint(directory: string): Promise<boolean> {
  const [own, above] = await Promise.all([stat(directory), stat(dirname(directory))]);
  return own.dev !== above.dev;
}
