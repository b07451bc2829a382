import { setTimeout as sleep } from "node:timers/promises";
import { descendsFrom, type Subprocess } from "../../linux/index.ts";
import type { Deadline } from "../oci-runtime/deadline.ts";
import { exitCodeOf } from "../oci-runtime/oci-runtime.ts";
import type { ExecContext } from "./exec-context.ts";
import { type ExecFiles, pidOf } from "./exec-files.ts";
import { killExec } from "./kill-exec.ts";

/** How long the OCI runtime may take from a command's start to writing its pid down. */
const startingMs = 1000;

/**
 * Waits until the OCI runtime of a command has exited, and so the command; when the deadline is over before, all of its
 * processes are killed. Afterwards its pid may be another's, and nothing is killed any more. Throws RuntimeError:
 * DeadlineExceeded, Canceled, once they are gone; and whatever keeps it from killing them.
 */
export async function exitOrKill(
  { cgroup }: ExecContext,
  files: ExecFiles,
  runtime: Subprocess,
  deadline: Deadline,
): Promise<number> {
  let killing: Promise<void> | undefined;
  let exitCode: number;
  {
    using _armed = deadline.onAbort(() => {
      killing = commandOf(files, runtime).then((pid) => killExec(runtime, pid, cgroup));
      // It is thrown below; but first there must be an exit.
      killing.catch(() => runtime.kill("SIGKILL"));
    });
    exitCode = await exitCodeOf(runtime);
  }
  await killing;
  if (killing !== undefined) deadline.check("exec");
  return exitCode;
}

/**
 * The command's process; undefined when it is not there yet or any more. runc writes its pid only when the command runs
 * already; killed in between, the command would stay. The pid is believed of a process that the runtime has started: it
 * may be another's by now, and the runtime's own may not before we have taken its exit.
 */
async function commandOf(files: ExecFiles, runtime: Subprocess): Promise<number | undefined> {
  let pid = await pidOf(files);
  for (let waitedMs = 0; pid === undefined && waitedMs < startingMs && isRunning(runtime); waitedMs += 5) {
    await sleep(5);
    pid = await pidOf(files);
  }
  return pid !== undefined && (await descendsFrom(pid, runtime.pid)) && isRunning(runtime) ? pid : undefined;
}

function isRunning({ end }: Subprocess): boolean {
  return end === undefined;
}
