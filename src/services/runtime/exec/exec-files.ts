import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ignoreMissing, readNow } from "../../../ground/fs/index.ts";
import { descendsFrom, type Subprocess } from "../../../ground/linux/index.ts";
import { removeNow } from "../../../ground/trees/index.ts";

/** Files of one exec, in a directory of their own in the bundle. */
export type ExecFiles = {
  readonly directory: string;
  /** The process, for an OCI runtime that is not told it in another way. */
  readonly process: string;
  /** Written by the OCI runtime once the process is in the container. */
  readonly pid: string;
  /** The OCI runtime's log. */
  readonly log: string;
  /** On which the OCI runtime hands over the terminal. */
  readonly console: string;
};

const prefix = "exec-";

/**
 * Where the files of one more exec go; its directory is not there yet. Its name tells nothing: a process's id
 * may be too long for a socket's.
 */
export function newExecFiles(bundleDir: string): ExecFiles {
  return filesIn(join(bundleDir, `${prefix}${crypto.randomUUID()}`));
}

/** Execs whose files are there: those under way, or those that a daemon left that was killed. */
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

/** How long the OCI runtime may take from a command's start to writing its pid down. */
const startingMs = 1000;

/**
 * The command's process; undefined when it is not there yet or any more. runc writes its pid only when the
 * command runs already; killed in between, the command would stay. The pid is believed of a process that the
 * runtime has started: it may be another's by now, and the runtime's own may not before we have taken its
 * exit.
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
