import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exists } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { cgroupProcesses, childCgroups, sendSignal } from "./cgroup-processes.ts";
import { killCgroup } from "./kill-cgroup.ts";

/**
 * Removes a cgroup (a path as in the hierarchies) in all hierarchies, and kills its processes. Only for
 * cgroups that berth created: a pod's parent belongs to the kubelet. Not an error if it does not exist.
 */
export async function removeCgroup(layout: CgroupLayout, path: string): Promise<void> {
  const main = layout.kind === "v2" ? layout.v2.mountPoint : layout.v1.get("memory");
  if (main !== undefined) await killCgroup(layout, join(main, path), undefined);
  await Promise.all(rootsOf(layout).map((root) => removeDirectory(join(root, path))));
}

/** Whether a cgroup exists in any hierarchy. */
export async function hasCgroup(layout: CgroupLayout, path: string): Promise<boolean> {
  const found = await Promise.all(rootsOf(layout).map((root) => exists(join(root, path))));
  return found.includes(true);
}

function rootsOf(layout: CgroupLayout): readonly string[] {
  const v1 = layout.kind === "v2" ? [] : layout.v1.values();
  const v2 = layout.kind === "v1" ? [] : [layout.v2.mountPoint];
  return [...new Set([...v1, ...v2])];
}

/** Descendants are removed first. A killed process leaves its cgroup a moment later. */
async function removeDirectory(directory: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rmdir(directory);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || attempt === 50) throw error;
    }
    const below = await childCgroups(directory);
    await Promise.all(below.map(removeDirectory));
    if (below.length > 0 && attempt === 0) continue;
    for (const pid of await cgroupProcesses(directory)) sendSignal(pid, 9);
    await sleep(20);
  }
}
