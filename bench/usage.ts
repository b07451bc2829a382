import { readFile, writeFile } from "node:fs/promises";

/** What a piece of work took of a daemon and the processes that it started. */
export type Usage = { readonly wallS: number; readonly cpuS: number; readonly peakMiB: number };

const ticksPerSecond = 100;

/** Runs `work` and measures the daemon meanwhile. `ownCpu` is what a client took that works for it. */
export async function measured(pid: number, work: () => Promise<unknown>): Promise<Usage> {
  // The peak begins anew (proc_pid_clear_refs(5)).
  await writeFile(`/proc/${pid}/clear_refs`, "5");
  const before = await cpuSeconds(pid);
  const startedAt = performance.now();
  await work();
  const wallS = (performance.now() - startedAt) / 1000;
  return { wallS, cpuS: (await cpuSeconds(pid)) - before, peakMiB: await peakMiB(pid) };
}

/** User and system time, of children that have ended too (proc_pid_stat(5), fields 14 to 17). */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

async function peakMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1]) / 1024;
}
