import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { containerCgroupDir } from "../cgroups/process-cgroup.ts";

import type { OciLimits } from "../spec/types.ts";
import type { UpdatedTask } from "./updated-task.ts";

/**
 * Takes a container's CPU quota away, if that is what is asked for, where the OCI runtime cannot: with cgroup
 * v1 crun 1.8 writes -1 as an unsigned number. Returns the limits that are left to set. (runc can, and
 * remembers an old quota.)
 */
export async function liftQuota(
  task: Pick<UpdatedTask, "id" | "cgroup" | "record" | "layout">,
  limits: OciLimits,
): Promise<OciLimits> {
  const { quota, ...cpu } = limits.cpu ?? {};
  if (quota !== -1 || task.layout.kind === "v2" || task.record.handler.type !== "crun") return limits;
  const directory = await containerCgroupDir(task.layout, task.record.init.pid, task, "cpu");
  if (directory !== undefined) await writeFile(join(directory, "cpu.cfs_quota_us"), "-1");
  return { ...limits, cpu };
}
