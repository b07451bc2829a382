import { readdir, readFile } from "node:fs/promises";

/** Proportional set size of a process in MiB; 0 if it no longer exists. */
export async function pssMib(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

/** The same for all processes with a daemon's directory in their arguments: its monitors or shims. */
export async function othersMib(directory: string, daemon: number): Promise<number> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  let sum = 0;
  for (const pid of pids) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (pid !== daemon && pid !== process.pid && command.includes(directory)) sum += await pssMib(pid);
  }
  return sum;
}
