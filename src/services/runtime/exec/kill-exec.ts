import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfThere } from "../../../ground/fs/index.ts";
import { killProcessTree, parentOf, processTree, type Subprocess } from "../../../ground/linux/index.ts";
import { cgroupProcesses, sendSignal } from "../cgroups/cgroup-processes.ts";
import type { ExecCgroup } from "./exec-context.ts";
import { execsIn, pidOf, removeExecFiles } from "./exec-files.ts";

const SIGSTOP = 19;
const SIGKILL = 9;

/** How often to look for processes that were forked before their parents stopped. */
const stopRounds = 5;
/** How long the OCI runtime, or conmon in its place, may take to notice the command's end. */
const reapTimeMs = 1000;
/** Limit for a process that is blocked in the kernel. */
const endTimeMs = 10_000;

/**
 * Kills the processes of an exec, and resolves when they are gone: the command (`pid`, if it was started)
 * with its descendants; the rest of its session in the container's cgroup, since a process whose parent has
 * ended is no longer a descendant; and the OCI runtime's process. The runtime is last: it is the command's
 * parent, and without it the container would have a zombie until another process reaps it. A process that has
 * created its own session stays, like a service that was started on purpose.
 *
 * No process may continue because it sees another one's end, so all are stopped first. Processes that fork
 * and exit faster than they can be listed are killed while the whole container is frozen for some
 * milliseconds.
 */
export async function killExec(
  runtime: Subprocess | undefined,
  pid: number | undefined,
  cgroup: ExecCgroup | undefined,
): Promise<void> {
  const session = pid === undefined ? undefined : await sessionOf(pid);
  const look = () => lookAt(session, cgroup?.directory);
  const killed = new Set<number>();
  let found: readonly number[] = [];
  const killAll = async () => {
    found = (await look()).members;
    const tree = pid === undefined ? [] : await processTree(pid);
    for (const member of [...tree, ...found]) {
      sendSignal(member, SIGKILL);
      killed.add(member);
    }
  };
  const killStill = () => cgroup?.freezer?.still(killAll) ?? killAll();
  if (await stopAll(look)) {
    if (pid !== undefined) await killProcessTree(pid);
    await killAll();
  } else await killStill();
  if (pid !== undefined && runtime !== undefined) await exitOf(runtime);
  if (runtime !== undefined && isRunning(runtime)) await killProcessTree(runtime.pid);
  for (const end = performance.now() + endTimeMs; performance.now() < end; await sleep(5)) {
    const { members, isComplete } = await look();
    if (isComplete && members.length === 0) return;
    if (isComplete && members.every((member) => killed.has(member))) continue;
    await killStill();
    if (found.length === 0) return;
  }
}

/** Returns true once all are stopped, false if they fork too fast. */
async function stopAll(look: () => Promise<Look>): Promise<boolean> {
  const stopped = new Set<number>();
  for (let round = 0; round < stopRounds; round++) {
    const { members, isComplete } = await look();
    const others = members.filter((member) => !stopped.has(member));
    if (isComplete && others.length === 0) return true;
    for (const member of others) {
      sendSignal(member, SIGSTOP);
      stopped.add(member);
    }
  }
  return false;
}

async function exitOf(child: Subprocess): Promise<void> {
  if (isRunning(child))
    await once(child, "exit", { signal: AbortSignal.timeout(reapTimeMs) }).catch(() => undefined);
}

function isRunning({ end }: Subprocess): boolean {
  return end === undefined;
}

/**
 * The processes of a session; not complete if a process of the cgroup has ended meanwhile, which may have
 * left a child.
 */
type Look = { readonly members: readonly number[]; readonly isComplete: boolean };

async function lookAt(session: number | undefined, cgroupDir: string | undefined): Promise<Look> {
  if (session === undefined || cgroupDir === undefined) return { members: [], isComplete: true };
  const pids = await cgroupProcesses(cgroupDir);
  const sessions = await Promise.all(pids.map(sessionOf));
  return {
    members: pids.filter((_, index) => sessions[index] === session),
    isComplete: !sessions.includes(undefined),
  };
}

/**
 * Field 6 of /proc/PID/stat (proc_pid_stat(5)); undefined for a process that is gone, or a zombie without
 * running threads.
 */
async function sessionOf(pid: number): Promise<number | undefined> {
  const text = (await readIfThere(`/proc/${pid}/stat`)) ?? "";
  // The command's name before it may contain anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, session, threads] = [fields[0], fields[3], fields[17]];
  const hasEnded = state === "X" || (state === "Z" && Number(threads) <= 1);
  return session === undefined || hasEnded ? undefined : Number(session);
}

/**
 * Kills the commands that a killed daemon has left in a container: nobody can be connected to them any more.
 * A process that now has one of their pids, but is not in the container or was started inside it, is not one
 * of them.
 */
export async function endLeftExecs(bundleDir: string, cgroup: ExecCgroup | undefined): Promise<void> {
  for (const files of await execsIn(bundleDir)) {
    const pid = pidOf(files);
    if (pid !== undefined && cgroup !== undefined && (await wasBroughtIn(pid, cgroup.directory)))
      await killExec(undefined, pid, cgroup);
    await removeExecFiles(files);
  }
}

/** A command's parent is outside of the container: the OCI runtime, or the process that inherited it. */
async function wasBroughtIn(pid: number, cgroupDir: string): Promise<boolean> {
  const inside = await cgroupProcesses(cgroupDir);
  const parent = await parentOf(pid);
  return inside.includes(pid) && parent !== undefined && !inside.includes(parent);
}
