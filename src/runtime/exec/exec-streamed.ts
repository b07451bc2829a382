import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import type { OciProcess } from "../spec/types.ts";
import { copyInput } from "../streams/copy-input.ts";
import { OutputCopy } from "../streams/copy-output.ts";
import { connectTerminal, type TerminalIo } from "../streams/terminal-connection.ts";
import { TerminalSizes } from "../streams/terminal-sizes.ts";
import type { StreamedExecRequest, TaskIo } from "../tasks.ts";
import type { ExecContext } from "./exec-context.ts";
import { type ExecFiles, pidOf, withExecFiles } from "./exec-files.ts";
import { type ExecOutcome, execOutcome } from "./exec-outcome.ts";
import { spawnExec } from "./spawn-exec.ts";

/** Of the OCI runtime's own words, where they cannot be the command's. */
const messageLimitBytes = 64 * 1024;

/** An OCI runtime has handed the terminal over before its command runs: it is on its way between two threads of ours. */
const terminalWaitMs = 10_000;

/** Runs a command in a container and connects it to a client. See Task.exec. */
export async function execStreamed(
  context: ExecContext,
  { args, terminal }: StreamedExecRequest,
  io: TaskIo,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number }> {
  using deadline = new Deadline(0, signal);
  deadline.check("exec");
  const process = { ...context.process, args, terminal };
  const sizes = terminal ? new TerminalSizes(io.resize) : undefined;
  return await withExecFiles(context.bundleDir, (files) =>
    sizes === undefined
      ? runOnPipes(context, files, process, io, deadline)
      : runOnTerminal(context, files, onTerminal(process, sizes), { ...io, sizes }, deadline),
  );
}

async function runOnPipes(
  context: ExecContext,
  files: ExecFiles,
  process: OciProcess,
  io: TaskIo,
  deadline: Deadline,
): Promise<{ readonly exitCode: number }> {
  const exec = await spawnExec(context, files, process);
  if (io.stdin === undefined) exec.stdin.destroy();
  else copyInput(io.stdin, exec.stdin, () => exec.stdin.end());
  const stdout = new OutputCopy(exec.stdout, io.stdout);
  const stderr = new OutputCopy(exec.stderr, io.stderr);
  try {
    const outcome = await execOutcome(context, files, exec, deadline, {
      output: async () =>
        void (await Promise.all([stdout, stderr].map((stream) => stream.ended(deadline.signal)))),
      stderr: () => "",
    });
    // Some runtimes say it on stderr themselves.
    if (stderr.bytes === 0) tell(outcome, io);
    return outcome;
  } finally {
    exec.stdin.destroy();
  }
}

async function runOnTerminal(
  context: ExecContext,
  files: ExecFiles,
  process: OciProcess,
  io: TerminalIo,
  deadline: Deadline,
): Promise<{ readonly exitCode: number }> {
  await using consoleSocket = context.pollThread.consoleSocket(files.console);
  const exec = await spawnExec(context, files, process);
  exec.stdin.destroy();
  const messages = new BoundedOutput(exec.stderr, messageLimitBytes);
  exec.stdout.resume();
  using connection = connectTerminal(consoleSocket, io);
  const outcome = await execOutcome(context, files, exec, deadline, {
    output: async () => {
      // A short command may end before its terminal is taken off the socket.
      if ((await pidOf(files)) !== undefined) await connection.made(terminalWaitMs);
      await Promise.all([connection.ended(deadline.signal), messages.ended(0)]);
      exec.stdout.destroy();
    },
    stderr: () => messages.text(),
  });
  tell(outcome, io);
  return outcome;
}

/** A shell says on stderr what it cannot run. */
function tell({ notRun }: ExecOutcome, io: Pick<TaskIo, "stdout"> & Partial<Pick<TaskIo, "stderr">>): void {
  if (notRun !== undefined) (io.stderr ?? io.stdout)?.write(notRun);
}

/** As the peers: programs do little on a terminal of which they do not know the kind. */
function onTerminal(process: OciProcess, { latest }: TerminalSizes): OciProcess {
  const hasType = process.env.some((variable) => variable.startsWith("TERM="));
  return {
    ...process,
    env: hasType ? process.env : [...process.env, "TERM=xterm"],
    ...(latest !== undefined && { consoleSize: latest }),
  };
}
