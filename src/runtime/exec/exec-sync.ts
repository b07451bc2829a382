import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import type { OciProcess } from "../spec/types.ts";
import type { ExecRequest, ExecResult } from "../tasks.ts";
import type { ExecContext } from "./exec-context.ts";
import { type ExecFiles, withExecFiles } from "./exec-files.ts";
import { execOutcome } from "./exec-outcome.ts";
import { spawnExec } from "./spawn-exec.ts";

/** Of each stream; as containerd's and CRI-O's. */
const outputLimitBytes = 16 * 1024 * 1024;

/** Runs a command in a container and collects its output. See Task.execSync. */
export async function execSync(
  context: ExecContext,
  request: ExecRequest,
  signal?: AbortSignal,
): Promise<ExecResult> {
  using deadline = new Deadline(request.timeoutMs, signal);
  deadline.check("exec");
  const process = { ...context.process, args: request.args, terminal: false };
  return await withExecFiles(context.bundleDir, (files) => collect(context, files, process, deadline));
}

async function collect(
  context: ExecContext,
  files: ExecFiles,
  process: OciProcess,
  deadline: Deadline,
): Promise<ExecResult> {
  const exec = await spawnExec(context, files, process);
  exec.stdin.destroy();
  const streams = [exec.stdout, exec.stderr].map((stream) => new BoundedOutput(stream, outputLimitBytes));
  const [stdout, stderr] = streams as [BoundedOutput, BoundedOutput];
  const { exitCode, notRun } = await execOutcome(context, files, exec, deadline, {
    output: () => drain(context, streams, deadline),
    stderr: () => stderr.text(),
  });
  if (notRun === undefined) return { exitCode, stdout: stdout.bytes(), stderr: stderr.bytes() };
  return { exitCode, stdout: new Uint8Array(), stderr: Buffer.from(notRun) };
}

/** Waits for the ends of the streams: what the command left running may hold them long after its own. */
async function drain(
  { containerId, drainTimeoutMs, logger }: ExecContext,
  streams: readonly BoundedOutput[],
  deadline: Deadline,
): Promise<void> {
  using limit = new Deadline(drainTimeoutMs, deadline.signal);
  await Promise.all(streams.map((stream) => stream.endedBy(limit.signal)));
  if (!limit.signal.aborted || deadline.signal.aborted) return;
  logger.warn(
    { container: containerId, afterMs: drainTimeoutMs },
    "the output of an ExecSync is cut: its command has ended and left something running that holds it open; redirect the output of that, or set runtime.drain_exec_sync_io_timeout",
  );
}
