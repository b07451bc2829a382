import { readdirSync, readlinkSync, statSync } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import { readKernelFile } from "./kernel-file.ts";
import { single } from "./parse.ts";
import type { ProcessUsage, TaskStates } from "./usage.ts";

/** Per cgroup: a container with more open files must not delay the figures of others. */
const maxDescriptors = 10_000;

/**
 * Open files of the processes of a cgroup and its descendants. Processes that end in the meantime are left
 * out. Undefined if the daemon may not inspect them (it lacks CAP_SYS_PTRACE).
 */
export function processUsage(directory: string): ProcessUsage | undefined {
  try {
    return usageOf(directory);
  } catch (error) {
    if (isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

function usageOf(directory: string): ProcessUsage {
  const pids = processesIn(directory);
  let fileDescriptors = 0;
  let sockets: number | undefined = 0;
  for (const pid of pids) {
    const count = descriptorCount(pid);
    fileDescriptors += count;
    if (fileDescriptors > maxDescriptors) sockets = undefined;
    else if (sockets !== undefined) sockets += socketCount(pid);
  }
  return { count: pids.length, fileDescriptors, sockets, maxOpenFiles: softLimitOnOpenFiles(pids[0]) };
}

export function taskStates(directory: string): TaskStates {
  const states = { running: 0, sleeping: 0, stopped: 0, uninterruptible: 0 };
  for (const pid of processesIn(directory)) {
    for (const task of namesIn(`/proc/${pid}/task`)) {
      // `PID (NAME) STATE ...`; the name may contain anything.
      const text = readKernelFile(`/proc/${pid}/task/${task}/stat`) ?? "";
      const state = text.slice(text.lastIndexOf(")") + 2).charAt(0);
      const name = stateNames[state];
      if (name !== undefined) states[name]++;
    }
  }
  return states;
}

const stateNames: Readonly<Record<string, keyof TaskStates>> = {
  R: "running",
  S: "sleeping",
  I: "sleeping",
  T: "stopped",
  t: "stopped",
  D: "uninterruptible",
};

/** The oldest comes first: the container's first process. */
function processesIn(directory: string): readonly number[] {
  const own = (readKernelFile(`${directory}/cgroup.procs`) ?? "").split("\n").map(Number);
  const below = directoriesIn(directory).flatMap(processesIn);
  // Processes outside the daemon's PID namespace are listed as 0.
  return [...own.filter((pid) => pid > 0), ...below];
}

function directoriesIn(directory: string): readonly string[] {
  return orNone(() =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${directory}/${name}`),
  );
}

/** Since Linux 6.2, it is the directory's size. */
function descriptorCount(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  const size = statSync(directory, { throwIfNoEntry: false })?.size ?? 0;
  return size > 0 ? size : namesIn(directory).length;
}

function socketCount(pid: number): number {
  return namesIn(`/proc/${pid}/fd`).filter((fd) => isSocket(`/proc/${pid}/fd/${fd}`)).length;
}

function isSocket(path: string): boolean {
  return orNone(() => [readlinkSync(path)]).some((target) => target.startsWith("socket:"));
}

function softLimitOnOpenFiles(pid: number | undefined): bigint | undefined {
  if (pid === undefined) return undefined;
  const text = readKernelFile(`/proc/${pid}/limits`) ?? "";
  return single(/^Max open files\s+(\S+)/m.exec(text)?.[1]);
}

function namesIn(directory: string): readonly string[] {
  return orNone(() => readdirSync(directory));
}

/** An empty list if the process has ended. */
function orNone<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH" || code === "ENODEV") return [];
    throw error;
  }
}
