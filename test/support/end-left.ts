import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { killProcessTree } from "../../src/ground/linux/index.ts";
import { eventually } from "./condition.ts";

/**
 * Kills all processes of a daemon in this directory that has gone, or can remove its pods no more: those that
 * have the directory in their arguments, as conmon, what descends from them, and those whose root file system
 * is below it.
 */
export async function endLeft(directory: string): Promise<void> {
  await eventually(`no process of ${directory} is left`, async () => {
    const left = await processesOf(directory);
    for (const pid of left) await killProcessTree(pid);
    return left.length === 0;
  });
}

async function processesOf(directory: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = pids.map(async (pid) => {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const command = await read("cmdline");
    const root = (await read("mountinfo")).split("\n").find((line) => line.split(" ")[4] === "/") ?? "";
    return command.includes(directory) || root.includes(basename(directory)) ? [pid] : [];
  });
  return (await Promise.all(found)).flat();
}
