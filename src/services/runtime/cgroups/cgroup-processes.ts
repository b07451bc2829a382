import { type Dirent, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoreGone, isErrno, readNow } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/**
 * All processes in a cgroup and its descendants; none if it no longer exists. Processes outside the daemon's
 * PID namespace, which the kernel lists as 0, are left out: for kill(2), 0 is the daemon's own process group.
 */
export async function cgroupProcesses(directory: string): Promise<readonly number[]> {
  return (await listed(directory)).filter((pid) => pid > 0);
}

/** Whether a cgroup and its descendants have no processes, including ones that cannot be seen from here. */
export async function isEmptyCgroup(directory: string): Promise<boolean> {
  return (await listed(directory)).length === 0;
}

/** With 0 for each process outside of the daemon's PID namespace. */
async function listed(directory: string): Promise<readonly number[]> {
  const below = await Promise.all((await childCgroups(directory)).map(listed));
  return [...ownProcesses(directory), ...below.flat()];
}

/**
 * A threaded cgroup of v2 does not list processes (EOPNOTSUPP, which Node calls ENOTSUP), but thread ids,
 * which kill(2) accepts for their process.
 */
function ownProcesses(directory: string): readonly number[] {
  return (membersOf(directory) ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

function membersOf(directory: string): string | undefined {
  try {
    return readNow(join(directory, "cgroup.procs"));
  } catch (error) {
    if (isErrno(error, "ENOTSUP")) return readNow(join(directory, "cgroup.threads"));
    throw error;
  }
}

/** The directories of a cgroup's children. */
export async function childCgroups(directory: string): Promise<readonly string[]> {
  return directoryEntries(directory)
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name));
}

function directoryEntries(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    return ignoreGone(error) ?? [];
  }
}

/** As kill(2); false if the process has ended, or its group has no process any more. */
export function sendSignal(pid: number, signal: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
    return false;
  }
}

/**
 * Writes to a file of a cgroup; false if the kernel or this cgroup has no such file, or the cgroup is gone or
 * threaded.
 */
export async function writeIfThere(directory: string, name: string, text: string): Promise<boolean> {
  try {
    await writeFile(join(directory, name), text, { flag: "r+" });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENODEV" && code !== "ENOTSUP") throw error;
    return false;
  }
}

/**
 * Checks that a cgroup (a path as in the hierarchies) that a client chose for a container is unused:
 * everything in it is killed with the container, or if its creation fails. Throws RuntimeError
 * FailedPrecondition.
 */
export async function checkCgroupUnused(layout: CgroupLayout, path: string): Promise<void> {
  const root = layout.kind === "v2" ? layout.v2.mountPoint : layout.v1.get("memory");
  if (root === undefined) return;
  const directory = join(root, path);
  const [below, processes] = await Promise.all([childCgroups(directory), cgroupProcesses(directory)]);
  if (below.length === 0 && processes.length === 0) return;
  throw new RuntimeError(
    "FailedPrecondition",
    `linux.cgroupsPath: the cgroup ${path} is in use: ${processes.length} processes and ${below.length} cgroups are in it; give the container one of its own`,
  );
}
