import type { Deadline } from "../oci-runtime/deadline.ts";
import { runtimeFailure } from "../oci-runtime/oci-runtime.ts";
import { clipped, lastRuntimeError } from "../oci-runtime/runtime-log.ts";
import { commandFailure } from "./command-failure.ts";
import type { ExecContext } from "./exec-context.ts";
import { type ExecFiles, pidOf } from "./exec-files.ts";
import { exitOrKill } from "./exit-or-kill.ts";
import type { SpawnedExec } from "./spawn-exec.ts";

/** How a command ended; `notRun` is what the OCI runtime said when there is no such program or it cannot be executed. */
export type ExecOutcome = { readonly exitCode: number; readonly notRun: string | undefined };

/**
 * Waits for the end of a command and for `output`, which is called when it has exited. When the deadline is over before
 * that all of its processes are killed; what it left running afterwards is nobody's to kill. Throws RuntimeError:
 * DeadlineExceeded, Canceled, Internal (with what the OCI runtime says in its log, or else `stderr`).
 */
export async function execOutcome(
  context: ExecContext,
  files: ExecFiles,
  { child }: SpawnedExec,
  deadline: Deadline,
  { output, stderr }: { readonly output: () => Promise<void>; readonly stderr: () => string },
): Promise<ExecOutcome> {
  const exitCode = await exitOrKill(context, files, child, deadline);
  await output();
  deadline.check("exec", "its command has ended, and something that it left running holds its output open");
  if ((await pidOf(files)) !== undefined) return { exitCode, notRun: undefined };
  const message = (await lastRuntimeError(files.log)) ?? clipped(stderr().trim());
  const failure = commandFailure(message);
  if (failure !== undefined) return { exitCode: failure, notRun: `${message}\n` };
  const reason = message === "" ? `failed with code ${exitCode}` : message;
  throw runtimeFailure(`${context.handler.name} exec`, reason);
}
