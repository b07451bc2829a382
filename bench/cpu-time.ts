import { readFile } from "node:fs/promises";

// USER_HZ is 100 on every platform of Node.
const tickMs = 10;

/** CPU time in milliseconds, in steps of 10. */
export type CpuTime = { readonly ownMs: number; readonly withChildrenMs: number };

/**
 * The CPU time of all threads of a process, including those that have ended, and with that of its exited
 * children (proc_pid_stat(5), fields 14 to 17; the second, the name, may contain spaces). 0 for a process
 * that no longer exists.
 */
export async function cpuTime(pid: number): Promise<CpuTime> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number);
  const ownMs = (user + system) * tickMs;
  return { ownMs, withChildrenMs: ownMs + (childrenUser + childrenSystem) * tickMs };
}

/** {@link CpuTime.ownMs} of a process. */
export async function cpuMs(pid: number): Promise<number> {
  return (await cpuTime(pid)).ownMs;
}
