import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** All processes in a cgroup and in those below it; none when it is gone. */
export async function cgroupProcesses(directory: string): Promise<readonly number[]> {
  const [text, children] = await Promise.all([
    readFile(join(directory, "cgroup.procs"), "utf8").catch(gone),
    childCgroups(directory),
  ]);
  const own = (text ?? "").split("\n").filter((line) => line !== "");
  const below = await Promise.all(children.map(cgroupProcesses));
  return [...own.map(Number), ...below.flat()];
}

/** The directories of the cgroups right below one. */
export async function childCgroups(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(gone);
  return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
}

/** No error when the process is gone. */
export function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function gone(error: NodeJS.ErrnoException): undefined {
  // ENODEV: removed while its file was open.
  if (error.code !== "ENOENT" && error.code !== "ENODEV") throw error;
}
