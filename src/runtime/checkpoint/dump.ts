import { join } from "node:path";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { Handler } from "../handlers/handler.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { TaskDumpRequest } from "../tasks.ts";
import { criuEnvironment } from "./criu-environment.ts";
import { criuErrors } from "./criu-log.ts";

export type DumpCall = {
  readonly id: string;
  readonly handler: Handler;
  readonly cgroupDriver: CgroupDriver;
  /** The OCI runtime's log of it. */
  readonly logPath: string;
};

/**
 * Has the OCI runtime write the state of a container's processes into `imageDir`. Established TCP connections are
 * written too: without that, a container that has one could not be checkpointed.
 *
 * It is never killed: criu runs code of its own inside the processes, which cannot go on when it dies. Who cannot wait
 * for it takes `imageDir` away, and it ends by itself at the next file.
 */
export async function dumpProcesses(call: DumpCall, request: TaskDumpRequest): Promise<void> {
  const { id, handler, cgroupDriver, logPath } = call;
  const { imageDir, workDir, criuPath } = request;
  const args = [
    "checkpoint",
    ...["--image-path", imageDir, "--work-path", workDir],
    "--leave-running",
    "--file-locks",
    "--tcp-established",
    id,
  ];
  try {
    const env = criuEnvironment(criuPath);
    await callRuntime({ handler, cgroupDriver, logPath, args, env, timeoutMs: 0 });
  } catch (error) {
    const errors = await criuErrors(join(workDir, "dump.log"));
    if (errors === "") throw error;
    const code = /No space left on device/.test(errors) ? "ResourceExhausted" : "FailedPrecondition";
    throw new RuntimeError(code, `criu cannot checkpoint container ${id}: ${errors}`, { cause: error });
  }
}
