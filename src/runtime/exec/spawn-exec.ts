import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { makePipe } from "../../linux/index.ts";
import { runtimeEnvironment } from "../oci-runtime/oci-runtime.ts";

/** A command's runtime, and our ends of its standard streams. */
export type SpawnedExec = {
  readonly child: ChildProcess;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
};

/**
 * Starts a program with three pipes of our own: OCI runtimes give their streams to the command's user, which would make
 * him the owner of the host's /dev/null.
 */
export function spawnExec(
  { path, args }: { readonly path: string; readonly args: readonly string[] },
  cwd: string,
): SpawnedExec {
  const [stdin, stdout, stderr] = [makePipe(), makePipe(), makePipe()];
  try {
    const stdio = [stdin.readFd, stdout.writeFd, stderr.writeFd];
    const child = spawn(path, args, { cwd, env: runtimeEnvironment, stdio });
    return {
      child,
      stdin: new Socket({ fd: stdin.writeFd, readable: false, writable: true }),
      stdout: new Socket({ fd: stdout.readFd, readable: true, writable: false }),
      stderr: new Socket({ fd: stderr.readFd, readable: true, writable: false }),
    };
  } finally {
    for (const fd of [stdin.readFd, stdout.writeFd, stderr.writeFd]) closeSync(fd);
  }
}
