import { join } from "node:path";
import { readNow } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { TaskIdentity } from "../tasks.ts";

/**
 * The directory of a container's cgroup, in the v2 hierarchy or in that of a v1 controller. That of the
 * memory controller shows the container's processes and whether memory ran out. Undefined if the process is
 * gone, if the controller is not mounted, or if the cgroup is not the container's own (neither the requested
 * one nor below it, where systemd's scope has one; if that is not known, its name lacks the container's id):
 * killing or limiting everything in it would be wrong.
 */
export async function containerCgroupDir(
  layout: CgroupLayout,
  pid: number,
  { id, cgroup }: Pick<TaskIdentity, "id" | "cgroup">,
  controller = "memory",
): Promise<string | undefined> {
  const text = readNow(`/proc/${pid}/cgroup`) ?? "";
  const root = layout.kind === "v2" ? layout.v2.mountPoint : layout.v1.get(controller);
  const path = layout.kind === "v2" ? cgroupPathIn(text, "") : cgroupPathIn(text, controller);
  const isOwn = (name: string) =>
    cgroup === undefined ? name.includes(id) : `${name}/`.startsWith(`${cgroup}/`);
  return root === undefined || path === undefined || !isOwn(path) ? undefined : join(root, path);
}

/**
 * A process's cgroup in the hierarchy of a v1 controller, or of v2 with "", from its /proc/PID/cgroup. Each
 * line is `NUMBER:CONTROLLERS:PATH`; the v2 hierarchy names no controllers (cgroups(7)).
 */
export function cgroupPathIn(text: string, controller: string): string | undefined {
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers?.split(",").includes(controller)) return path;
  }
  return undefined;
}
