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
 * him the owner of the host's /dev/null.
 */
export function spawnExec(
  { path, args }: { readonly path: string; readonly args: readonly string[] },
  cwd: string,
): SpawnedExec {
  const child = startProgram(path, args, {
    cwd,
    env: runtimeEnvironment,
    stdio: ["reads", "writes", "writes"],
  });
  return { child, stdin: child.pipe(0), stdout: child.pipe(1), stderr: child.pipe(2) };
}
