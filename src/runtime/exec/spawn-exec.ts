import { writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Subprocess } from "../../linux/index.ts";
import { runtimeEnvironment, startProgram } from "../oci-runtime/oci-runtime.ts";

/** A command's runtime, and our ends of its standard streams. */
export type SpawnedExec = {
  readonly child: Subprocess;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
};

/**
 * Starts a program with three pipes of our own: OCI runtimes give their streams to the command's user, which would make
 * him the owner of the host's /dev/null. With the container's oom_score_adj: crun leaves a command with the daemon's, and
 * the kernel should not spare it.
 */
export function spawnExec(
  { path, args }: { readonly path: string; readonly args: readonly string[] },
  cwd: string,
  oomScoreAdj: number | undefined,
): SpawnedExec {
  const child = startProgram(path, args, {
    cwd,
    env: runtimeEnvironment,
    stdio: ["reads", "writes", "writes"],
  });
  if (oomScoreAdj !== undefined) setOomScore(child.pid, oomScoreAdj);
  return { child, stdin: child.pipe(0), stdout: child.pipe(1), stderr: child.pipe(2) };
}

/** At once, before the program has started the command, which inherits it. */
function setOomScore(pid: number, score: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(score));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ESRCH") throw error;
  }
}
