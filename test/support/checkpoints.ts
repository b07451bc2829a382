import { readdir, readFile, readlink } from "node:fs/promises";
import type { TestBerth } from "./berth.ts";
import { eventually } from "./condition.ts";
import type { TestPod } from "./pod.ts";

/** A script that counts in memory, and prints each number. */
export const counting = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.05; done";

/** Processes that keep criu busy for a while, but which even a loaded machine starts at once. */
export const manyToDump = "for n in $(seq 100); do sleep 100000 & done";

/** The numbers that a container has printed so far. */
export async function counted(pod: TestPod, name: string): Promise<readonly number[]> {
  return (await pod.log(name)).map((line) => Number.parseInt(line.split(" ")[2] ?? "", 10));
}

/** Waits until a container has counted that far, and returns all its numbers. */
export function countsTo(pod: TestPod, name: string, least: number): Promise<readonly number[]> {
  return eventually(`${name} has counted to ${least}`, async () => {
    const numbers = await counted(pod, name).catch(() => []);
    return numbers.some((number) => number >= least) && numbers;
  });
}

export function checkpoint(berth: TestBerth, containerId: string, location: string): Promise<unknown> {
  return berth.clients.runtime.checkpointContainer({ containerId, location, timeout: 60n });
}

/**
 * The OCI runtime and the criu that write a checkpoint in a directory, which is in their arguments or is
 * their working directory.
 */
export async function dumping(directory: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const workDir = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    return command.includes(`${directory}/`) || workDir.startsWith(directory) ? [Number(pid)] : [];
  });
  return (await Promise.all(found)).flat();
}
