import { setTimeout as sleep } from "node:timers/promises";
import type { Subprocess } from "../../linux/index.ts";
import type { Deadline } from "../oci-runtime/deadline.ts";
import { exitCodeOf } from "../oci-runtime/oci-runtime.ts";
import { lastRuntimeError } from "../oci-runtime/runtime-log.ts";
import { RuntimeError } from "../runtime-error.ts";
import { commandFailure } from "./command-failure.ts";
import type { ExecContext } from "./exec-context.ts";
import { type ExecFiles, pidOf } from "./exec-files.ts";
import { killExec } from "./kill-exec.ts";
import type { SpawnedExec } from "./spawn-exec.ts";

/** How a command ended; `notRun` is what the OCI runtime said when there is no such program or it cannot be executed. */
export type ExecOutcome = { readonly exitCode: number; readonly notRun: string | undefined };

/**
 * Waits for the end of a command and for `output`, which is called when it has exited. When the deadline is over all of
 * its processes are killed. Throws RuntimeError: DeadlineExceeded, Canceled, Internal (with what the OCI runtime says in
 * its log, or else `stderr`).
 */
export async function execOutcome(
  context: ExecContext,
  files: ExecFiles,
  { child }: SpawnedExec,
  deadline: Deadline,
  { output, stderr }: { readonly output: () => Promise<void>; readonly stderr: () => string },
): Promise<ExecOutcome> {
  const { handler, cgroupDir } = context;
  let killing: Promise<void> | undefined;
  using _kill = deadline.onAbort(() => {
    killing = pidOfStarted(files, child).then((pid) => killExec(child, pid, cgroupDir));
  });
  const exitCode = await exitCodeOf(child);
  await output();
  await killing;
  deadline.check("exec");
  if ((await pidOf(files)) !== undefined) return { exitCode, notRun: undefined };
  const message = (await lastRuntimeError(files.log)) ?? stderr().trim();
  const failure = commandFailure(message);
  if (failure !== undefined) return { exitCode: failure, notRun: `${message}\n` };
  const reason = message === "" ? `failed with code ${exitCode}` : message;
  throw new RuntimeError("Internal", `${handler.name} exec: ${reason}`);
}

/** How long the OCI runtime may take from a command's start to writing its pid down. */
const startingMs = 1000;

/** runc writes it only when the command runs already; killed in between, the command would stay. */
async function pidOfStarted(files: ExecFiles, runtime: Subprocess): Promise<number | undefined> {
  for (let waitedMs = 0; waitedMs < startingMs && runtime.end === undefined; waitedMs += 5) {
    const pid = await pidOf(files);
    if (pid !== undefined) return pid;
    await sleep(5);
  }
  return pidOf(files);
}
