import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { specJson } from "../../../ground/json/index.ts";
import { globalArguments } from "../oci-runtime/oci-runtime.ts";
import type { OciProcess } from "../spec/types.ts";
import type { ExecContext } from "./exec-context.ts";
import type { ExecFiles } from "./exec-files.ts";

export type ExecCommand = {
  readonly path: string;
  readonly args: readonly string[];
  /**
   * Input that it reads to the end on descriptor 3 before it starts anything: until then, attributes can be
   * set that its children inherit. Undefined for a program that reads nothing there and needs no attributes.
   */
  readonly input: string | undefined;
};

/**
 * The program to start for a command, whose standard streams are the command's, unless that has a terminal,
 * and whose exit code is the command's.
 *
 * crun passes its own streams on, and waits for the command. runc copies them instead, and does not end while
 * any process holds them, such as a service that the command has left running: so conmon waits in its place,
 * and runc is detached. Other runtimes are treated like runc, and so is crun in the host's PID namespace,
 * where processes that a command leaves become its children, and it waits for all of them. With a terminal,
 * both send its master over the console socket. As paths of sockets are short, that is relative to the exec's
 * directory, in which the program must be started.
 */
export async function execCommand(
  context: ExecContext,
  files: ExecFiles,
  process: OciProcess,
): Promise<ExecCommand> {
  const { handler, program, conmonPath, cgroupDriver, containerId, hostPids } = context;
  const global = globalArguments(handler, cgroupDriver, files.log);
  const console = process.terminal ? ["--console-socket", basename(files.console)] : [];
  if (handler.type === "crun" && !hostPids) {
    const own = ["--process", "/proc/self/fd/3", "--pid-file", files.pid];
    const args = [...global, "exec", ...own, ...console, containerId];
    return { path: program, args, input: specJson(process) };
  }
  await writeFile(files.process, specJson(process), { mode: 0o600 });
  // runc gives a command the container's oom_score_adj itself.
  const score = handler.type === "runc" ? undefined : process.oomScoreAdj;
  const [runtime = program, ...before] = [...withOomScore(score), program];
  const runtimeArgs = [...before, ...global];
  const args = [
    ...["--exec", "--sync", "--cid", containerId],
    ...["--exec-process-spec", files.process, "--container-pidfile", files.pid],
    ...["--log-path", "passthrough", "--log-level", "error"],
    ...["--runtime", runtime, ...runtimeArgs.flatMap((argument) => ["--runtime-arg", argument])],
    ...console.flatMap((argument) => ["--runtime-opt", argument]),
  ];
  return { path: conmonPath, args, input: undefined };
}

/**
 * Words before a program that sets an oom_score_adj for it: conmon gives the OCI runtime another one just
 * before it starts it.
 */
function withOomScore(score: number | undefined): readonly string[] {
  if (score === undefined) return [];
  return ["/bin/sh", "-c", 'echo "$0" > /proc/self/oom_score_adj && exec "$@"', String(score)];
}
