import { isAlive } from "../../../ground/linux/index.ts";
import { cgroupProcesses, sendSignal } from "../cgroups/cgroup-processes.ts";
import { checkPrivileges } from "../checkpoint/restored-privileges.ts";
import { RuntimeError } from "../runtime-error.ts";
import { readBundleSpec, type TaskFiles } from "./task-files.ts";
import type { TaskRecord } from "./task-record.ts";

const SIGCONT = 18;

/**
 * Lets the processes of a restored container run, after checking that they have no more privileges than its
 * spec allows. Throws RuntimeError PermissionDenied if they have more; Internal if criu has put them into
 * another cgroup than the container's own (they would have no limits), or the first process has exited.
 */
export async function continueRestored(
  id: string,
  { cgroupDir, init }: TaskRecord,
  files: TaskFiles,
): Promise<void> {
  const spec = await readBundleSpec(files);
  if (cgroupDir === undefined) {
    throw new RuntimeError(
      "Internal",
      `container ${id} was restored into a wrong cgroup (see /proc/${init.pid}/cgroup); try another runtime handler`,
    );
  }
  if (!(await isAlive(init.pid, init.startTime))) {
    throw new RuntimeError("Internal", `container ${id}: its first process exited before it was started`);
  }
  const pids = new Set(await cgroupProcesses(cgroupDir)).add(init.pid);
  await checkPrivileges(id, [...pids], spec);
  for (const pid of pids) sendSignal(pid, SIGCONT);
}
