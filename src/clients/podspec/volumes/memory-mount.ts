import { stat } from "node:fs/promises";
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

async function isMountPoint(directory: string): Promise<boolean> {
  const [own, above] = await Promise.all([stat(directory), stat(dirname(directory))]);
  return own.dev !== above.dev;
}
