import { mkdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupLayout } from "../ground/linux/index.ts";

/** A cgroup with this process in it, which is out of it again when disposed of. */
export type TaskLimit = AsyncDisposable & {
  /** Allows so many threads and processes more than there are. */
  allow(more: number): Promise<void>;
};

/** Puts this process into a cgroup of its own with a limit of tasks. Needs root. */
export async function taskLimit(): Promise<TaskLimit> {
  const layout = await cgroupLayout();
  const root = layout?.kind === "v2" || layout === undefined ? "/sys/fs/cgroup" : layout.v1.get("pids");
  if (root === undefined) throw new Error("no pids controller is mounted");
  await using undo = new AsyncDisposableStack();
  const directory = join(root, `berth-test-${process.pid}`);
  await mkdir(directory);
  undo.defer(() => rmdir(directory));
  // Node's own threads for files start with the first uses of them, and cannot be refused.
  await Promise.all(Array.from({ length: 16 }, () => stat(directory)));
  await writeFile(join(directory, "cgroup.procs"), `${process.pid}`);
  undo.defer(() => writeFile(join(root, "cgroup.procs"), `${process.pid}`));
  const moved = undo.move();
  return {
    allow: async (more) => {
      const current = Number(await readFile(join(directory, "pids.current"), "utf8"));
      await writeFile(join(directory, "pids.max"), `${current + more}`);
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}
