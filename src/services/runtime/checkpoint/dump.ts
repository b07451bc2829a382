import { join } from "node:path";
import type { Logger } from "../../../ground/logging/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import { criuEnvironment } from "../handlers/criu.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { TaskDumpRequest } from "../tasks.ts";
import { criuErrors } from "./criu-log.ts";
import { dumpSignals, endDump } from "./end-dump.ts";

export type DumpCall = {
  readonly id: string;
  readonly handler: RuncLikeHandler;
  readonly cgroupDriver: CgroupDriver;
  /** The OCI runtime's log of it. */
  readonly logPath: string;
  /** See Task. */
  readonly livePid: () => Promise<number | undefined>;
  readonly logger: Logger;
};

/**
 * Makes the OCI runtime dump a container's processes into `imageDir`. Established TCP connections are
 * included: otherwise a container that has one could not be checkpointed.
 */
export async function dumpProcesses(
  call: DumpCall,
  request: TaskDumpRequest,
  signal: AbortSignal,
): Promise<void> {
  const { id, handler, cgroupDriver, logPath } = call;
  const { imageDir, workDir, criuPath, exit, externalUnixSockets, terminal, cgroupsMode } = request;
  const args = [
    "checkpoint",
    ...["--image-path", imageDir, "--work-path", workDir],
    ...(exit ? [] : ["--leave-running"]),
    "--file-locks",
    "--tcp-established",
    ...(externalUnixSockets ? ["--ext-unix-sk"] : []),
    ...(terminal ? ["--shell-job"] : []),
    ...(cgroupsMode === undefined ? [] : ["--manage-cgroups-mode", cgroupsMode]),
    id,
  ];
  const env = criuEnvironment(criuPath);
  const ending = { blockedSignals: dumpSignals, end: (leader: number) => endDump(leader, call) };
  try {
    await callRuntime({ handler, cgroupDriver, logPath, args, env, ending, timeoutMs: 0 }, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const errors = await criuErrors(join(workDir, "dump.log"));
    if (errors === "") throw error;
    const code = /No space left on device/.test(errors) ? "ResourceExhausted" : "FailedPrecondition";
    throw new RuntimeError(code, `criu cannot checkpoint container ${id}: ${errors}`, { cause: error });
  }
}
