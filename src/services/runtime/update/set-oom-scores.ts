import { writeFile } from "node:fs/promises";
import { cgroupProcesses } from "../cgroups/cgroup-processes.ts";
import type { TaskRecord } from "../conmon/task-record.ts";
import { RuntimeError } from "../runtime-error.ts";

/** Enough even for a process that forks all the time. */
const maxRounds = 100;

/**
 * Sets the oom_score_adj (proc(5)) of all processes of a container. Children inherit it, so this repeats
 * until there is no new process. Throws RuntimeError PermissionDenied for a score lower than the kernel
 * allows.
 */
export async function setOomScores({ init, cgroupDir }: TaskRecord, score: number): Promise<void> {
  const done = new Set<number>();
  for (let round = 0; round < maxRounds; round++) {
    const pids = cgroupDir === undefined ? [init.pid] : await cgroupProcesses(cgroupDir);
    const fresh = pids.filter((pid) => !done.has(pid));
    if (fresh.length === 0) return;
    await Promise.all(fresh.map((pid) => setOomScore(pid, score)));
    for (const pid of fresh) done.add(pid);
  }
}

async function setOomScore(pid: number, score: number): Promise<void> {
  try {
    await writeFile(`/proc/${pid}/oom_score_adj`, String(score));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // It has ended in the meantime.
    if (code === "ENOENT" || code === "ESRCH") return;
    throw new RuntimeError("PermissionDenied", `resources.oom_score_adj: ${score} cannot be set`, { cause });
  }
}
