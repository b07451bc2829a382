import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../../ground/fs/index.ts";
import { containerCgroupDir } from "../cgroups/process-cgroup.ts";

import { RuntimeError } from "../runtime-error.ts";
import type { OciLimits } from "../spec/types.ts";
import type { UpdatedTask } from "./updated-task.ts";

/**
 * Limits a container's huge pages, which runc's `update` ignores. Throws RuntimeError InvalidArgument for a
 * page size that this machine does not have.
 */
export async function limitHugePages(
  task: Pick<UpdatedTask, "id" | "cgroup" | "record" | "layout">,
  limits: NonNullable<OciLimits["hugepageLimits"]>,
): Promise<void> {
  if (limits.length === 0) return;
  const directory = await containerCgroupDir(task.layout, task.record.init.pid, task, "hugetlb");
  if (directory === undefined) return;
  const suffix = task.layout.kind === "v2" ? "max" : "limit_in_bytes";
  for (const { pageSize, limit } of limits) {
    // The kernel's names: 2MB, 1GB.
    const name = `hugetlb.${pageSize.replace(/i?B$/, "B")}`;
    await writeLimit(join(directory, `${name}.${suffix}`), limit, pageSize);
    // Reserved pages that are not used yet (v1 since Linux 5.7).
    const reserved = join(directory, `${name}.rsvd.${suffix}`);
    if (await exists(reserved)) await writeLimit(reserved, limit, pageSize);
  }
}

async function writeLimit(path: string, limit: number, pageSize: string): Promise<void> {
  if (!(await exists(path)))
    throw new RuntimeError(
      "InvalidArgument",
      `resources.hugepage_limits: this machine has no huge pages of ${pageSize}`,
    );
  await writeFile(path, String(limit));
}
