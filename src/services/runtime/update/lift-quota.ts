import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { containerCgroupDir } from "../cgroups/process-cgroup.ts";
import type { TaskRecord } from "../conmon/task-record.ts";
import type { OciLimits } from "../spec/types.ts";

/**
 * Takes a container's CPU quota away, if that is what is asked for, where the OCI runtime cannot: with cgroup v1 crun 1.8
 * writes -1 as an unsigned number. Returns the limits that are left to set. (runc can, and remembers an old quota.)
 */
export async function liftQuota(
  { id, record, layout }: { readonly id: string; readonly record: TaskRecord; readonly layout: CgroupLayout },
  limits: OciLimits,
): Promise<OciLimits> {
  const { quota, ...cpu } = limits.cpu ?? {};
  if (quota !== -1 || layout.kind === "v2" || record.handler.type !== "crun") return limits;
  const directory = await containerCgroupDir(layout, record.init.pid, id, "cpu");
  if (directory !== undefined) await writeFile(join(directory, "cpu.cfs_quota_us"), "-1");
  return { ...limits, cpu };
}
