import type { Subprocess } from "../../../ground/linux/index.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import type { Command, StreamedExecRequest, TaskIo } from "../tasks.ts";
import { CommandNotRun } from "./command-failure.ts";
import type { ExecProcess } from "./exec-process.ts";

/**
 * How a command ended; `notRun` is the OCI runtime's message if the program does not exist or cannot be
 * executed.
 */
export type ExecOutcome = { readonly exitCode: number; readonly notRun: string | undefined };

/**
 * Runs a command from its start to its deletion, and waits for its exit and then for `outputEnded`. If the
 * deadline expires before the exit, all its processes are killed; processes that it has left running when it
 * exited are not. Throws RuntimeError: DeadlineExceeded, Canceled, Internal (with the OCI runtime's message).
 */
export async function runToEnd(
  process: ExecProcess,
  deadline: Deadline,
  outputEnded: () => Promise<void>,
): Promise<ExecOutcome> {
  try {
    const runtime = await process.launch();
    const exitCode = await exitOrKill(process, runtime, deadline);
    await outputEnded();
    deadline.check("exec", "its command has ended, but left a process running that keeps its output open");
    const { failure } = process;
    if (failure === undefined) return { exitCode, notRun: undefined };
    if (!(failure instanceof CommandNotRun)) throw failure;
    return { exitCode, notRun: `${failure.words}\n` };
  } finally {
    await process.delete();
  }
}

async function exitOrKill(process: ExecProcess, runtime: Subprocess, deadline: Deadline): Promise<number> {
  let killing: Promise<void> | undefined;
  let exitCode: number;
  {
    using _armed = deadline.onAbort(() => {
      killing = process.killAll();
      // It is thrown below, after the exit.
      killing.catch(() => runtime.kill("SIGKILL"));
    });
    ({ exitCode } = await process.wait());
  }
  await killing;
  if (killing !== undefined) deadline.check("exec");
  return exitCode;
}

/** Runs a command in a container and connects it to a client. See Task.execStreamed. */
export async function execStreamed(
  exec: (command: Command) => Promise<ExecProcess>,
  { args, terminal }: StreamedExecRequest,
  io: TaskIo,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number }> {
  using deadline = new Deadline(0, signal);
  deadline.check("exec");
  const process = await exec({
    id: crypto.randomUUID(),
    process: { kind: "likeFirst", args },
    io: { kind: "streams", terminal, ...io },
  });
  const { exitCode, notRun } = await runToEnd(process, deadline, () => process.outputEnded(deadline.signal));
  // Reported on stderr, as by a shell, unless the OCI runtime has already done so.
  if (notRun !== undefined && process.stderrBytes === 0) (io.stderr ?? io.stdout)?.write(notRun);
  return { exitCode };
}
