import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import type { ExecRequest, ExecResult } from "../tasks.ts";
import { execCommand } from "./exec-command.ts";
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
  return await withExecFiles(context.bundleDir, process, (files) => collect(context, files, deadline));
}

async function collect(context: ExecContext, files: ExecFiles, deadline: Deadline): Promise<ExecResult> {
  const {
    drainMs,
    process: { oomScoreAdj },
  } = context;
  const exec = spawnExec(execCommand(context, files, false), files.directory, oomScoreAdj);
  exec.stdin.destroy();
  const stdout = new BoundedOutput(exec.stdout, outputLimitBytes);
  const stderr = new BoundedOutput(exec.stderr, outputLimitBytes);
  const { exitCode, notRun } = await execOutcome(context, files, exec, deadline, {
    output: async () => void (await Promise.all([stdout.ended(drainMs), stderr.ended(drainMs)])),
    stderr: () => stderr.text(),
  });
  if (notRun === undefined) return { exitCode, stdout: stdout.bytes(), stderr: stderr.bytes() };
  return { exitCode, stdout: new Uint8Array(), stderr: Buffer.from(notRun) };
}
