import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";

/** v1 controllers that account or limit; a new cpuset would be unusable before it is configured. */
export const accountingControllers = ["cpu", "cpuacct", "memory", "pids", "name=systemd"];

/**
 * Moves a process into a cgroup, which is created if needed. `path` as in the hierarchies, such as
 * "/berth/monitors".
 */
export async function placeProcess(layout: CgroupLayout, path: string, pid: number): Promise<void> {
  const v1 = layout.kind === "v2" ? [] : accountingControllers.flatMap((name) => layout.v1.get(name) ?? []);
  const v2 = layout.kind === "v1" ? [] : [layout.v2.mountPoint];
  const directories = [...new Set([...v1, ...v2])].map((root) => join(root, path));
  await Promise.all(
    directories.map(async (directory) => {
      await makeDirectories(directory, 0o755);
      await writeFile(join(directory, "cgroup.procs"), String(pid));
    }),
  );
}
