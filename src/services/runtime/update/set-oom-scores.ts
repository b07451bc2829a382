import { writeFile } from "node:fs/promises";
import { cgroupProcesses } from "../cgroups/cgroup-processes.ts";
import type { TaskRecord } from "../conmon/task-record.ts";
import { RuntimeError } from "../runtime-error.ts";

/** More than a process that forks all the time would need to be caught up with. */
const maxRounds = 100;

/**
 * Sets oom_score_adj of all processes of a container (proc(5)). A child inherits its parent's, so this goes
 * on until no process is found that was not seen before. Throws RuntimeError PermissionDenied for a score
 * lower than the kernel allows.
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
    // It has ended meanwhile.
    if (code === "ENOENT" || code === "ESRCH") return;
    throw new RuntimeError("PermissionDenied", `resources.oom_score_adj: ${score} cannot be set`, { cause });
  }
}
