import { setTimeout as sleep } from "node:timers/promises";
import { type CgroupLayout, endsWithin, processStartTime } from "../../../ground/linux/index.ts";
import { inHierarchyOf } from "./cgroup-in-hierarchy.ts";
import { cgroupProcesses, isEmptyCgroup, sendSignal, writeIfThere } from "./cgroup-processes.ts";
import { Freezer } from "./freezer.ts";

const SIGKILL = 9;
const maxRounds = 200;
/** How long the first process of a PID namespace may take to end, on a busy machine. */
const initEndMs = 200;

/**
 * Kills all processes in a cgroup and its descendants, and prevents new ones: otherwise processes that fork
 * and exit faster than they are listed would live on forever. Returns when none is left, or after a second: a
 * process blocked in the kernel ends later. `directory` is that of v2, or of v1's memory controller.
 *
 * None of them may run between the first kill and the last: a shell that sees its child die would continue.
 * `init` is the first process of a PID namespace that contains all the others: the kernel ends them with it.
 */
export async function killCgroup(
  layout: CgroupLayout,
  directory: string,
  init: number | undefined,
): Promise<void> {
  if (init === undefined && (await isEmptyCgroup(directory))) return;
  const freezer = new Freezer(layout, directory);
  const killListed = async () => {
    const pids = await cgroupProcesses(directory);
    for (const pid of pids) sendSignal(pid, SIGKILL);
    return pids.length > 0;
  };
  if (await killByInit(init, freezer)) {
    if (await isEmptyCgroup(directory)) return;
  } else if (!(await killByKernel(layout, directory))) await freezer.frozen(killListed);
  // After the kill: a program that cannot fork would exit with a code of its own.
  await forbidForks(layout, directory);
  for (let round = 0; round < maxRounds; round++) {
    if (!(await killListed())) return;
    await freezer.thaw();
    if (round > 0) await sleep(5);
  }
}

/**
 * By killing the first process of their PID namespace, until whose end they may run; false if it does not end
 * soon.
 */
async function killByInit(init: number | undefined, freezer: Freezer): Promise<boolean> {
  const startTime = init === undefined ? undefined : await processStartTime(init);
  if (init === undefined || startTime === undefined) return false;
  sendSignal(init, SIGKILL);
  await freezer.thaw();
  if (await endsWithin(init, startTime, initEndMs / 2)) return true;
  for (const end = performance.now() + initEndMs / 2; performance.now() < end; await sleep(5)) {
    if ((await processStartTime(init)) === undefined) return true;
    await freezer.thaw();
  }
  return false;
}

/** At once, with Linux 5.14 and cgroup v2; includes processes whose pids are not visible here. */
async function killByKernel(layout: CgroupLayout, directory: string): Promise<boolean> {
  return layout.kind === "v2" && (await writeIfThere(directory, "cgroup.kill", "1"));
}

async function forbidForks(layout: CgroupLayout, directory: string): Promise<void> {
  const own = layout.kind === "v2" ? directory : inHierarchyOf(layout, "pids", directory);
  if (own === undefined) return;
  await writeIfThere(own, "pids.max", "0");
  await killByKernel(layout, directory);
}
