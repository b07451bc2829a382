import { mkdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupLayout } from "../ground/linux/index.ts";

/** A cgroup with a process in it, which is out of it again when disposed of, with what it has started. */
export type TaskLimit = AsyncDisposable & {
  /**
   * Allows so many threads and processes more than there are, or fewer, with which none can be started before
   * some end.
   */
  allow(more: number): Promise<void>;
};

/** Puts a process, this one unless given, into a cgroup of its own with a limit of tasks. Needs root. */
export async function taskLimit(pid = process.pid): Promise<TaskLimit> {
  const layout = await cgroupLayout();
  const root = layout?.kind === "v2" || layout === undefined ? "/sys/fs/cgroup" : layout.v1.get("pids");
  if (root === undefined) throw new Error("no pids controller is mounted");
  await using undo = new AsyncDisposableStack();
  const directory = join(root, `berth-test-${pid}`);
  await mkdir(directory);
  undo.defer(() => rmdir(directory));
  // Node's own threads for files start with the first uses of them, and cannot be refused.
  await Promise.all(Array.from({ length: 16 }, () => stat(directory)));
  const procs = join(directory, "cgroup.procs");
  await writeFile(procs, `${pid}`);
  undo.defer(async () => {
    const pids = (await readFile(procs, "utf8")).split("\n").filter((line) => line !== "");
    for (const each of pids) await writeFile(join(root, "cgroup.procs"), each).catch(ignoreGone);
  });
  const moved = undo.move();
  return {
    allow: async (more) => {
      const current = Number(await readFile(join(directory, "pids.current"), "utf8"));
      await writeFile(join(directory, "pids.max"), `${current + more}`);
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ESRCH") throw error;
}
