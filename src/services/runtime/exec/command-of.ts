import { setTimeout as sleep } from "node:timers/promises";
import { descendsFrom, type Subprocess } from "../../../ground/linux/index.ts";
import { type ExecFiles, pidOf } from "./exec-files.ts";

/** How long the OCI runtime may take from a command's start to writing its pid down. */
const startingMs = 1000;

/**
 * The command's process; undefined when it is not there yet or any more. runc writes its pid only when the
 * command runs already; killed in between, the command would stay. The pid is believed of a process that the
 * runtime has started: it may be another's by now, and the runtime's own may not before we have taken its
 * exit.
 */
export async function commandOf(files: ExecFiles, runtime: Subprocess): Promise<number | undefined> {
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
