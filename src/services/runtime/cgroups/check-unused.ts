import { join } from "node:path";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { cgroupProcesses, childCgroups } from "./cgroup-processes.ts";

/**
 * Checks that a cgroup (a path as in the hierarchies) that a client has chosen for a container is nobody's:
 * all that is in it ends with the container, or with the attempt to create it. Throws RuntimeError
 * FailedPrecondition.
 */
export async function checkCgroupUnused(path: string): Promise<void> {
  const layout = await cgroupLayout();
  const root = layout?.kind === "v2" ? layout.v2.mountPoint : layout?.v1.get("memory");
  if (root === undefined) return;
  const directory = join(root, path);
  const [below, processes] = await Promise.all([childCgroups(directory), cgroupProcesses(directory)]);
  if (below.length === 0 && processes.length === 0) return;
  throw new RuntimeError(
    "FailedPrecondition",
    `linux.cgroupsPath: the cgroup ${path} is in use: ${processes.length} processes and ${below.length} cgroups are in it; give the container one of its own`,
  );
}
