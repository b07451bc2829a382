import { readFile, writeFile } from "node:fs/promises";
import { cpuTime } from "./cpu-time.ts";

/** The resources that a daemon and the processes that it started used for a piece of work. */
export type Usage = { readonly wallS: number; readonly cpuS: number; readonly peakMiB: number };

/** Runs `work` and measures the daemon meanwhile. */
export async function measured(pid: number, work: () => Promise<unknown>): Promise<Usage> {
  // Resets the peak (proc_pid_clear_refs(5)).
  await writeFile(`/proc/${pid}/clear_refs`, "5");
  const before = await cpuTime(pid);
  const startedAt = performance.now();
  await work();
  const wallS = (performance.now() - startedAt) / 1000;
  const cpuS = ((await cpuTime(pid)).withChildrenMs - before.withChildrenMs) / 1000;
  return { wallS, cpuS, peakMiB: await peakMiB(pid) };
}

async function peakMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1]) / 1024;
}
