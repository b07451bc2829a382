import { basename } from "node:path";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import { restoreOptions } from "../checkpoint/restore.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { globalArguments } from "../oci-runtime/oci-runtime.ts";
import type { OciSpec } from "../spec/types.ts";
import type { FirstProcessIo, TaskRestore, TaskSpec } from "../tasks.ts";
import type { TaskFiles } from "./task-files.ts";

/** The command line of conmon (2.1) to create or restore a container. */
export function monitorArguments(
  task: TaskSpec,
  handler: RuncLikeHandler,
  program: string,
  cgroupDriver: CgroupDriver,
  files: TaskFiles,
  exitsDir: string,
  restore: readonly string[] = [],
): readonly string[] {
  return [
    ...["--cid", task.id, "--cuuid", task.id],
    ...["--bundle", task.bundleDir, "--container-pidfile", files.pidFile],
    // Otherwise the started process would fork another one, and exit.
    "--sync",
    ...["--exit-dir", exitsDir],
    ...["--log-path", logDriver(task.io, files)],
    // An fsync at each exit and each rotation would delay the notification of the exit; containerd does not
    // sync logs either.
    "--no-sync-log",
    // The attach socket is then in the bundle, without a symbolic link in a shared directory.
    "--full-attach",
    ...["--log-level", "error"],
    ...["--runtime", program],
    ...globalArguments(handler, cgroupDriver, files.runtimeLog("create")).flatMap((argument) => [
      "--runtime-arg",
      argument,
    ]),
    ...restore,
    ...(task.noPivotRoot ? ["--no-pivot"] : []),
    ...(task.noNewKeyring ? ["--no-new-keyring"] : []),
    ...consoleArguments(task.io),
  ];
}

function consoleArguments(io: FirstProcessIo): readonly string[] {
  if (io.kind !== "console") return [];
  return [
    ...(io.terminal ? ["--terminal"] : []),
    ...(io.stdin ? ["--stdin"] : []),
    ...(io.stdin && !io.stdinOnce ? ["--leave-stdin-open"] : []),
  ];
}

/** For restoring a container, according to its spec. */
export function restoreArguments(spec: OciSpec, { imageDir }: TaskRestore): readonly string[] {
  return ["--restore", imageDir, ...restoreOptions(spec).flatMap((option) => ["--runtime-opt", option])];
}

/**
 * conmon parses a log path as `DRIVER:PATH`, and ends the path at the next colon: so it gets only the name,
 * as it runs in the bundle. With `passthrough`, the container's process gets conmon's own standard streams,
 * which conmon then closes.
 */
function logDriver(io: FirstProcessIo, { log }: TaskFiles): string {
  if (io.kind === "client") return "passthrough";
  if (io.kind !== "console" || io.logPath === undefined) return "none";
  return `k8s-file:${basename(log)}`;
}
