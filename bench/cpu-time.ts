import { readFile } from "node:fs/promises";

// USER_HZ, which is 100 wherever Node runs.
const tickMs = 10;

/** CPU time in milliseconds, in steps of 10. */
export type CpuTime = { readonly ownMs: number; readonly withChildrenMs: number };

/**
 * What a process has used in all its threads, those that have ended among them, and with its children that
 * have ended (proc_pid_stat(5), fields 14 to 17; the second, the name, may hold blanks). Of a process that is
 * gone: 0.
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
