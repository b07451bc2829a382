import type { CgroupUsage } from "./usage.ts";

/** Reads figures of one cgroup version. Paths are those in the hierarchies; everything is synchronous. */
export interface ControllerReader {
  cpu(path: string, details: boolean): CgroupUsage["cpu"];
  memory(path: string, details: boolean): CgroupUsage["memory"];
  devices(path: string): CgroupUsage["devices"];
  tasks(path: string): CgroupUsage["tasks"];
  hugepages(path: string): CgroupUsage["hugepages"];
  limits(path: string): CgroupUsage["limits"];
  files(path: string): CgroupUsage["files"];
  /** A directory whose cgroup.procs has the cgroup's processes. */
  processDirectory(path: string): string | undefined;
}
