import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ignoreMissing } from "../../src/ground/fs/index.ts";
import { cgroupLayout, killProcessTree } from "../../src/ground/linux/index.ts";
import { removeCgroup } from "../../src/services/runtime/index.ts";
import { eventually } from "./condition.ts";

/**
 * Kills all processes of a daemon in this directory that has gone, or can remove its pods no more: those that
 * have the directory in their arguments, as conmon, what descends from them, and those whose root file system
 * is below it. Removes the cgroups of its containers and pods.
 */
export async function endLeft(directory: string): Promise<void> {
  await eventually(`no process of ${directory} is left`, async () => {
    const left = await processesOf(directory);
    for (const pid of left) await killProcessTree(pid);
    return left.length === 0;
  });
  await removeCgroups(directory);
}

async function removeCgroups(directory: string): Promise<void> {
  const namesIn = async (part: string) =>
    (await readdir(join(directory, "state", part)).catch(ignoreMissing)) ?? [];
  const ids = new Set([...(await namesIn("containers")), ...(await namesIn("sandboxes"))]);
  const layout = await cgroupLayout();
  const root = layout?.kind === "v2" ? layout.v2.mountPoint : layout?.v1.get("memory");
  if (layout === undefined || root === undefined || ids.size === 0) return;
  // Cgroups of others come and go meanwhile, which the recursion of `readdir` does not bear.
  const walk = async (path: string): Promise<void> => {
    const entries = await readdir(join(root, path), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.filter((each) => each.isDirectory())) {
      const below = join(path, entry.name);
      await (ids.has(entry.name) ? removeCgroup(layout, below) : walk(below));
    }
  };
  await walk("/");
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
