import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { TaskFiles } from "../conmon/task-files.ts";
import type { TaskRecord } from "../conmon/task-record.ts";

/** The parts of a task that changing its limits needs. */
export type UpdatedTask = {
  readonly id: string;
  /** See TaskIdentity. */
  readonly cgroup: string | undefined;
  readonly record: TaskRecord;
  readonly files: TaskFiles;
  readonly layout: CgroupLayout;
  readonly cgroupDriver: CgroupDriver;
};
