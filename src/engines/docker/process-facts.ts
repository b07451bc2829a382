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

export type ProcessUser = {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
};

/** The user and groups that a process runs as (proc_pid_status(5)); undefined if it is gone. */
export async function userOfProcess(pid: number): Promise<ProcessUser | undefined> {
  const text = await readIfThere(`/proc/${pid}/status`);
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  const numbers = (field: string) =>
    (lines.find((line) => line.startsWith(`${field}:`)) ?? "")
      .slice(field.length + 1)
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(Number);
  const [uid = 0] = numbers("Uid");
  const [gid = 0] = numbers("Gid");
  // Newer engines list the primary group among the supplementary ones, twice if it was also requested.
  return { uid, gid, supplementalGroups: [...new Set(numbers("Groups"))] };
}
