import { readdir } from "node:fs/promises";
import { ignoreGone, isErrno, readIfThere, readNow } from "../../fs/index.ts";

/** PF_FORKNOEXEC of linux/sched.h. */
const forkedWithoutExec = 0x40;

/**
 * When a process started, in clock ticks since boot (field 22 of /proc/PID/stat): together with the pid, this
 * identifies a process, since pids are reused. Undefined if there is no such process, or only its zombie.
 */
export async function processStartTime(pid: number): Promise<number | undefined> {
  const stat = await readStat(pid);
  return stat === undefined || hasEnded(stat) ? undefined : stat.startTime;
}

/**
 * Whether a process has executed a program since it was forked; undefined if it has ended (PF_FORKNOEXEC in
 * field 9 of /proc/PID/stat, which the kernel clears in execve(2)).
 */
export async function hasExecuted(pid: number): Promise<boolean | undefined> {
  const stat = await readStat(pid);
  return stat && (stat.flags & forkedWithoutExec) === 0;
}

/** The parent of a process, as seen in this PID namespace; undefined if there is no such process. */
export async function parentOf(pid: number): Promise<number | undefined> {
  return (await readStat(pid))?.parent;
}

/** A process's group (setpgid(2)); undefined if there is no such process. */
export async function processGroupOf(pid: number): Promise<number | undefined> {
  return (await readStat(pid))?.group;
}

/** True for a process that descends from `ancestor`. */
export async function descendsFrom(pid: number, ancestor: number): Promise<boolean> {
  let parent = await parentOf(pid);
  while (parent !== undefined && parent > 1 && parent !== ancestor) parent = await parentOf(parent);
  return parent === ancestor;
}

/** True while the process that had this pid at `startTime` (see {@link processStartTime}) runs. */
export async function isAlive(pid: number, startTime: number): Promise<boolean> {
  return (await processStartTime(pid)) === startTime;
}

/**
 * The exit code (128+n for a signal) of the process that had this pid at `startTime`, while it is a zombie;
 * undefined if it runs or is gone (field 52 of /proc/PID/stat, in the format of wait(2)).
 */
export async function zombieExitCode(pid: number, startTime: number): Promise<number | undefined> {
  const stat = await readStat(pid);
  if (stat?.startTime !== startTime || !hasEnded(stat)) return undefined;
  const signal = stat.waitStatus & 0x7f;
  return signal === 0 ? stat.waitStatus >> 8 : 128 + signal;
}

/** The processes of a process group (setpgid(2)) that have not ended. */
export async function processGroup(leader: number): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const members = pids.map(async (pid) => {
    const stat = await readStat(pid);
    return stat?.group === leader && !hasEnded(stat) ? [pid] : [];
  });
  return (await Promise.all(members)).flat();
}

/**
 * Sends SIGKILL to a process and all its descendants. All are stopped first, parents before their children,
 * so that no new child is missed, and none can react to the end of another. Not an error if the process is
 * gone. Orphans, whose parent has already ended, are not found; a cgroup is needed for those.
 */
export async function killProcessTree(pid: number): Promise<void> {
  for (const member of await stoppedTree(pid)) signal(member, "SIGKILL");
}

/** A process and all its descendants; one that forks in the meantime may have more. */
export async function processTree(pid: number): Promise<readonly number[]> {
  const below: number[] = [];
  for (const child of await childrenOf(pid)) below.push(...(await processTree(child)));
  return [...below, pid];
}

async function stoppedTree(pid: number): Promise<readonly number[]> {
  signal(pid, "SIGSTOP");
  const below: number[] = [];
  for (const child of await childrenOf(pid)) below.push(...(await stoppedTree(child)));
  return [...below, pid];
}

/**
 * The children of a process, including those that it inherited as a subreaper (prctl(2)); none if it is gone.
 */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = (await readdir(`/proc/${pid}/task`).catch(ignoreGone)) ?? [];
  const lists = await Promise.all(tasks.map((task) => readIfThere(`/proc/${pid}/task/${task}/children`)));
  return lists.flatMap((list) =>
    (list ?? "")
      .split(" ")
      .filter((word) => word !== "")
      .map(Number),
  );
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** The command's name may contain spaces and parentheses: fields are counted from the last parenthesis. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const text = readNow(`/proc/${pid}/stat`) ?? "";
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group, startTime] = [fields[0], fields[1], fields[2], fields[19]];
  if (state === undefined || startTime === undefined) return undefined;
  const [flags, waitStatus] = [Number(fields[6]), Number(fields[49] ?? 0)];
  return {
    state,
    parent: Number(parent),
    group: Number(group),
    flags,
    startTime: Number(startTime),
    waitStatus,
  };
}

type Stat = {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly flags: number;
  readonly startTime: number;
  readonly waitStatus: number;
};

/** It is only a zombie. */
function hasEnded({ state }: Stat): boolean {
  return state === "Z" || state === "X";
}
