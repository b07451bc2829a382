import { readdirSync, readFileSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf } from "../../../ground/errors/index.ts";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { parseSpecJson } from "../../../ground/json/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciSpec } from "../spec/types.ts";
import { unmountHeldLog } from "./held-log.ts";

/**
 * The files of one task. All except the exit file are in its bundle directory; conmon and the OCI runtime
 * create most of them.
 */
export type TaskFiles = {
  readonly bundleDir: string;
  readonly config: string;
  /** Path of berth's own record of the task; see {@link "./task-record.ts"}. */
  readonly record: string;
  /** The pid of the container's first process, written by the OCI runtime. */
  readonly pidFile: string;
  readonly monitorPidFile: string;
  /** Created by conmon when the memory cgroup has run out of memory. */
  readonly oom: string;
  /** Limits for the OCI runtime's `update`. */
  readonly resources: string;
  /** See ContainerFreezer. */
  readonly still: string;
  /** FIFO from which conmon reads commands. */
  readonly control: string;
  /** The name that conmon is given for its log; see {@link "./log-file.ts"}. */
  readonly log: string;
  /** The name under which conmon (2.1) opens its next log, before it renames that to `log`. */
  readonly nextLog: string;
  /** Where that next log is mounted; see {@link "./next-log.ts"}. */
  readonly heldLog: string;
  /** Written by conmon when the first process has exited: its code in decimal. */
  readonly exit: string;
  /** Path of the file with the hooks' standard error; see {@link "./hook-errors.ts"}. */
  readonly hookErrors: string;
  /** A log of the OCI runtime, for one of its commands. */
  runtimeLog(command: string): string;
};

export function taskFiles(id: string, bundleDir: string, exitsDir: string): TaskFiles {
  return {
    bundleDir,
    config: join(bundleDir, "config.json"),
    record: join(bundleDir, "task.json"),
    pidFile: join(bundleDir, "pidfile"),
    monitorPidFile: join(bundleDir, "conmon.pid"),
    oom: join(bundleDir, "oom"),
    resources: join(bundleDir, "resources.json"),
    still: join(bundleDir, "still"),
    control: join(bundleDir, "ctl"),
    log: join(bundleDir, "log"),
    nextLog: join(bundleDir, "log.tmp"),
    heldLog: join(bundleDir, "log.next"),
    exit: join(exitsDir, id),
    hookErrors: join(bundleDir, "hooks.stderr"),
    runtimeLog: (command) => join(bundleDir, `${command}.log`),
  };
}

/**
 * Removes the exit file, what a conmon that was killed while writing it has left, and all files, sockets and
 * FIFOs in the bundle. Directories (a mounted rootfs) do not belong to the task.
 */
export async function removeTaskFiles({ bundleDir, heldLog, exit }: TaskFiles): Promise<void> {
  const exitsDir = dirname(exit);
  const id = basename(exit);
  const paths = [
    ...filesIn(bundleDir),
    ...filesIn(exitsDir).filter((path) => basename(path) === id || basename(path).startsWith(`${id}.`)),
  ];
  if (paths.includes(heldLog)) await unmountHeldLog(heldLog);
  for (const path of paths) unlinkIfThere(path);
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => join(directory, name));
  } catch (error) {
    return ignoreMissing(error) ?? [];
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    ignoreMissing(error);
  }
}

/**
 * The specification in a bundle. Throws RuntimeError: DataLoss if it is damaged (a running task keeps
 * running); ResourceExhausted if the daemon has no descriptor or memory to read it.
 */
export async function readBundleSpec({ config }: Pick<TaskFiles, "config">): Promise<OciSpec> {
  try {
    return parseSpecJson<OciSpec>(readFileSync(config, "utf8"));
  } catch (cause) {
    if (codeOf(cause) === "ResourceExhausted")
      throw new RuntimeError("ResourceExhausted", `cannot read ${config} now`, { cause });
    throw new RuntimeError("DataLoss", `cannot read ${config}; stop the container and recreate it`, {
      cause,
    });
  }
}
