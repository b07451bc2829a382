import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupLayout } from "../../src/ground/linux/index.ts";
import type { TestBerth } from "./berth.ts";
import { verboseInfo } from "./verbose.ts";

/**
 * Reads a file in the cgroup of a running container's first process; of a controller's own hierarchy if there
 * are several.
 */
export async function readCgroup(
  berth: TestBerth,
  containerId: string,
  controller: string,
  file: string,
): Promise<string> {
  const { pid } = await verboseInfo(berth, containerId);
  const layout = await cgroupLayout();
  if (layout === undefined || layout.kind === "v2")
    throw new Error("this reads the hierarchies of cgroup v1");
  const line = (await readFile(`/proc/${pid}/cgroup`, "utf8"))
    .split("\n")
    .find((each) => each.split(":")[1]?.split(",").includes(controller));
  const path = line?.split(":").slice(2).join(":") ?? "";
  if (!path.includes(containerId)) throw new Error(`no cgroup of its own: ${line}`);
  return (await readFile(join(layout.v1.get(controller) ?? "", path, file), "utf8")).trim();
}

/**
 * The names of the files of its cgroup in the unified hierarchy; none if it has no cgroup of its own there.
 */
export async function unifiedCgroupFiles(berth: TestBerth, containerId: string): Promise<readonly string[]> {
  const { pid } = await verboseInfo(berth, containerId);
  const layout = await cgroupLayout();
  if (layout === undefined || layout.kind === "v1") return [];
  const lines = (await readFile(`/proc/${pid}/cgroup`, "utf8")).split("\n");
  const path = lines.find((line) => line.startsWith("0::"))?.slice(3) ?? "";
  return path.includes(containerId) ? readdir(join(layout.v2.mountPoint, path)) : [];
}

/** The host's pids of the processes in a container's cgroup. */
export async function processesOf(id: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const own = await Promise.all(
    pids.map(async (pid) => {
      const cgroups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
      return cgroups.includes(id);
    }),
  );
  return pids.filter((_, index) => own[index]);
}
