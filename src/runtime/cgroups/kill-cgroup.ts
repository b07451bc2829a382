import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CgroupLayout } from "../../linux/index.ts";
import { cgroupProcesses, sendSignal } from "./cgroup-processes.ts";

const SIGKILL = 9;
const maxRounds = 200;

/**
 * Kills all processes in a cgroup and in those below it, for good: no more can be born in it afterwards. Without that,
 * processes that fork and end faster than they are listed would live on for ever. Returns when none is left, or after a
 * second: one that waits in the kernel ends later. `directory` is that of v2, or of v1's memory controller.
 */
export async function killCgroup(layout: CgroupLayout, directory: string): Promise<void> {
  // First: a program that finds that it cannot fork would end by itself, with a code of its own.
  for (const pid of await cgroupProcesses(directory)) sendSignal(pid, SIGKILL);
  await forbidForks(layout, directory);
  for (let round = 0; round < maxRounds; round++) {
    const pids = await cgroupProcesses(directory);
    if (pids.length === 0) return;
    for (const pid of pids) sendSignal(pid, SIGKILL);
    if (round > 0) await sleep(5);
  }
}

async function forbidForks(layout: CgroupLayout, directory: string): Promise<void> {
  if (layout.kind === "v2") {
    await writeIfThere(join(directory, "pids.max"), "0");
    // Linux 5.14; also ends those whose pid is not to be seen from here.
    await writeIfThere(join(directory, "cgroup.kill"), "1");
  } else {
    const own = inHierarchyOfPids(layout, directory);
    if (own !== undefined) await writeIfThere(join(own, "pids.max"), "0");
  }
}

/** Not there: the kernel or this cgroup lacks the controller, or the cgroup is gone already. */
async function writeIfThere(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: "r+" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" && error.code !== "ENODEV" && error.code !== "EOPNOTSUPP") throw error;
  });
}

/** A container's cgroup has the same path in every hierarchy. */
function inHierarchyOfPids(
  { v1 }: Exclude<CgroupLayout, { readonly kind: "v2" }>,
  directory: string,
): string | undefined {
  const [memory, pids] = [v1.get("memory"), v1.get("pids")];
  if (memory === undefined || pids === undefined || !directory.startsWith(memory)) return undefined;
  return join(pids, directory.slice(memory.length));
}
