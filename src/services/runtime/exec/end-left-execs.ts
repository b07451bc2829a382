import { parentOf } from "../../../ground/linux/index.ts";
import { cgroupProcesses } from "../cgroups/cgroup-processes.ts";
import type { ExecCgroup } from "./exec-context.ts";
import { execsIn, pidOf, removeExecFiles } from "./exec-files.ts";
import { killExec } from "./kill-exec.ts";

/**
 * Kills the commands that a daemon left in a container when it was killed itself: nobody can be connected to
 * them any more. What runs under one of their pids now and is not of the container, or was started inside it,
 * is another's.
 */
export async function endLeftExecs(bundleDir: string, cgroup: ExecCgroup | undefined): Promise<void> {
  for (const files of await execsIn(bundleDir)) {
    const pid = await pidOf(files);
    if (pid !== undefined && cgroup !== undefined && (await wasBroughtIn(pid, cgroup.directory)))
      await killExec(undefined, pid, cgroup);
    await removeExecFiles(files);
  }
}

/** A command's parent is the OCI runtime, or whoever took it over from that: outside of the container. */
async function wasBroughtIn(pid: number, cgroupDir: string): Promise<boolean> {
  const inside = await cgroupProcesses(cgroupDir);
  const parent = await parentOf(pid);
  return inside.includes(pid) && parent !== undefined && !inside.includes(parent);
}
