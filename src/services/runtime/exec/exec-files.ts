import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ignoreMissing, readNow } from "../../../ground/fs/index.ts";
import { descendsFrom, type Subprocess } from "../../../ground/linux/index.ts";
import { removeNow } from "../../../ground/trees/index.ts";

/** Files of one exec, in their own directory in the bundle. */
export type ExecFiles = {
  readonly directory: string;
  /** The process specification, for an OCI runtime that reads it from a file. */
  readonly process: string;
  /** The pid, written by the OCI runtime once the process is in the container. */
  readonly pid: string;
  /** The OCI runtime's log. */
  readonly log: string;
  /** Socket over which the OCI runtime sends the terminal. */
  readonly console: string;
};

const prefix = "exec-";

/**
 * The files of a new exec; their directory does not exist yet. Its name is random, since a process's id may
 * be too long for the path of a socket.
 */
export function newExecFiles(bundleDir: string): ExecFiles {
  return filesIn(join(bundleDir, `${prefix}${crypto.randomUUID()}`));
}

/** Execs whose files exist: those in progress, and those that a killed daemon has left. */
export async function execsIn(bundleDir: string): Promise<readonly ExecFiles[]> {
  const names = (await readdir(bundleDir).catch(ignoreMissing)) ?? [];
  return names.filter((name) => name.startsWith(prefix)).map((name) => filesIn(join(bundleDir, name)));
}

export async function removeExecFiles({ directory }: ExecFiles): Promise<void> {
  if (!removeNow(directory)) await rm(directory, { recursive: true, force: true });
}

/** The command's process; undefined before it is in the container. */
export function pidOf(files: ExecFiles): number | undefined {
  const pid = Number.parseInt(readNow(files.pid) ?? "", 10);
  return pid > 0 ? pid : undefined;
}

function filesIn(directory: string): ExecFiles {
  return {
    directory,
    process: join(directory, "process.json"),
    pid: join(directory, "pid"),
    log: join(directory, "log"),
    console: join(directory, "console"),
  };
}

/** How long the OCI runtime may take between starting a command and writing its pid. */
const startingMs = 1000;

/**
 * The command's process; undefined if it has not started or has ended. runc writes the pid only when the
 * command is already running; if runc were killed before that, the command would stay. The pid counts only if
 * the process descends from the runtime, as it may have been reused; the runtime's own pid cannot be, before
 * its exit was collected.
 */
export async function commandOf(files: ExecFiles, runtime: Subprocess): Promise<number | undefined> {
  let pid = pidOf(files);
  for (let waitedMs = 0; pid === undefined && waitedMs < startingMs && isRunning(runtime); waitedMs += 5) {
    await sleep(5);
    pid = pidOf(files);
  }
  return pid !== undefined && (await descendsFrom(pid, runtime.pid)) && isRunning(runtime) ? pid : undefined;
}

function isRunning({ end }: Subprocess): boolean {
  return end === undefined;
}
