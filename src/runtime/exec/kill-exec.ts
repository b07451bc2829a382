import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { killProcessTree, processStartTime, type Subprocess } from "../../linux/index.ts";
import { cgroupProcesses, sendSignal } from "../cgroups/cgroup-processes.ts";

const SIGSTOP = 19;

/** How long the OCI runtime, or conmon in its place, may take to notice that the command has ended. */
const reapTimeMs = 1000;

/**
 * Kills the processes of an exec and resolves when they are gone: the command (`pid`, if it came that far) with all that
 * descend from it, what is left of its session in the container's cgroup, for a child whose own parent has ended is no
 * descendant any more, and the OCI runtime's. The runtime comes last: it is the command's parent, and without it the
 * container would show a zombie for as long as nobody else takes it. A process that made itself a session of its own
 * stays, as a service that was started on purpose does.
 */
export async function killExec(
  runtime: Subprocess | undefined,
  pid: number | undefined,
  cgroupDir: string | undefined,
): Promise<void> {
  const session = pid === undefined ? undefined : await sessionOf(pid);
  const before = await sessionProcesses(session, cgroupDir);
  // None of them may run on because it sees another one's end.
  for (const member of before) sendSignal(member, SIGSTOP);
  if (pid !== undefined) await killProcessTree(pid);
  for (const member of before) sendSignal(member, 9);
  if (pid !== undefined && runtime !== undefined) await exitOf(runtime);
  if (runtime !== undefined && isRunning(runtime)) await killProcessTree(runtime.pid);
  // One that is stuck in the kernel cannot be waited for without end.
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 5) {
    const left = await sessionProcesses(session, cgroupDir);
    if (left.length === 0) return;
    for (const member of left) sendSignal(member, 9);
    await sleep(5);
  }
}

async function exitOf(child: Subprocess): Promise<void> {
  if (isRunning(child))
    await once(child, "exit", { signal: AbortSignal.timeout(reapTimeMs) }).catch(() => undefined);
}

function isRunning({ end }: Subprocess): boolean {
  return end === undefined;
}

/** Zombies do not count: the container's first process may never reap them. */
async function sessionProcesses(
  session: number | undefined,
  cgroupDir: string | undefined,
): Promise<readonly number[]> {
  if (session === undefined || cgroupDir === undefined) return [];
  const members: number[] = [];
  for (const pid of await cgroupProcesses(cgroupDir)) {
    if ((await sessionOf(pid)) === session && (await processStartTime(pid)) !== undefined) members.push(pid);
  }
  return members;
}

/** Field 6 of /proc/PID/stat (proc_pid_stat(5)); the command's name before it may hold anything. */
async function sessionOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const session = text.slice(text.lastIndexOf(")") + 2).split(" ")[3];
  return session === undefined ? undefined : Number(session);
}
