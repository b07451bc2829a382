import { join } from "node:path";
import { readIfThere } from "../../ground/fs/index.ts";
import type { CgroupLayout } from "../../ground/linux/index.ts";

/**
 * The cgroup of a process: its path in cgroup v2, or in v1's memory controller (Docker uses the same path for
 * all controllers); "" if the process is gone.
 */
export async function cgroupOfProcess(pid: number): Promise<string> {
  const text = (await readIfThere(`/proc/${pid}/cgroup`)) ?? "";
  const lines = text.split("\n").map((line) => line.split(":"));
  const ofMemory = lines.find(([, controllers = ""]) => controllers.split(",").includes("memory"));
  const unified = lines.find(([, controllers]) => controllers === "");
  return (ofMemory ?? unified)?.slice(2).join(":") ?? "";
}

/** The cgroup directory that accounts for a process's memory; undefined if the process is gone. */
export async function memoryDirectory(layout: CgroupLayout, pid: number): Promise<string | undefined> {
  const path = pid === 0 ? "" : await cgroupOfProcess(pid);
  const v1 = layout.kind === "v2" ? undefined : layout.v1.get("memory");
  const root = v1 ?? (layout.kind === "v1" ? undefined : layout.v2.mountPoint);
  return path === "" || root === undefined ? undefined : join(root, path);
}
