import { writeFileSync } from "node:fs";
import type { Subprocess } from "../../../ground/linux/index.ts";
import { runtimeEnvironment, startProgram } from "../oci-runtime/oci-runtime.ts";
import type { OciProcess } from "../spec/types.ts";
import { execCommand } from "./exec-command.ts";
import type { ExecContext } from "./exec-context.ts";
import type { ExecFiles } from "./exec-files.ts";
import type { ExecStdio } from "./exec-io.ts";

/**
 * Starts a command's OCI runtime. None of its streams may be the host's /dev/null, since it would give that
 * to the command's user. Sets the container's oom_score_adj: with crun, a command would have the daemon's,
 * and the kernel would spare it.
 */
export async function spawnExec(
  context: ExecContext,
  files: ExecFiles,
  process: OciProcess,
  streams: ExecStdio,
): Promise<Subprocess> {
  const { path, args, input } = await execCommand(context, files, process);
  const { streamOwner: pipeOwner } = context;
  const child = startProgram(path, args, {
    cwd: files.directory,
    env: runtimeEnvironment,
    stdio: [...streams, ...(input === undefined ? [] : (["reads"] as const))],
    ...(pipeOwner !== undefined && { pipeOwner }),
  });
  if (input !== undefined) prepare(child, process.oomScoreAdj, input);
  return child;
}

/** The program starts nothing before it has read its input; what it starts then inherits the score. */
function prepare(child: Subprocess, oomScoreAdj: number | undefined, input: string): void {
  const pipe = child.pipe(3);
  // If it ends without reading it, its log says why.
  pipe.on("error", () => undefined);
  try {
    if (oomScoreAdj !== undefined) setOomScore(child.pid, oomScoreAdj);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  pipe.end(input);
}

function setOomScore(pid: number, score: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(score));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ESRCH") throw error;
  }
}
