import { Deadline } from "../oci-runtime/deadline.ts";
import type { Command, StreamedExecRequest, TaskIo } from "../tasks.ts";
import type { ExecProcess } from "./exec-process.ts";
import { runToEnd } from "./run-to-end.ts";

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
  // A shell says on stderr what it cannot run; some OCI runtimes do so themselves.
  if (notRun !== undefined && process.stderrBytes === 0) (io.stderr ?? io.stdout)?.write(notRun);
  return { exitCode };
}
