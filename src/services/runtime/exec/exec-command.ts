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
   * What it reads to the end on descriptor 3 before it starts anything: until then there is time to set what
   * all that it starts inherits. Undefined for one that reads nothing there, and needs nothing set.
   */
  readonly input: string | undefined;
};

/**
 * What to start so that its standard streams are the command's, if that has no terminal, and its exit code
 * the command's.
 *
 * crun hands its own streams on and waits for the command. runc copies them instead, and does not end before
 * everything has ended that holds them, such as a service that the command left running: there conmon waits
 * in its place, with runc detached. Other runtimes are taken to be like runc, and so is crun in the host's
 * PID namespace: what a command leaves running becomes its child there, and it waits for all of its children.
 * With a terminal both hand its master over on the console socket, which is named relative to the exec's
 * directory, where the program must be started: paths of sockets are short.
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
 * What stands before a program that is to have a score: conmon sets one of its own for the OCI runtime, just
 * before it starts that.
 */
function withOomScore(score: number | undefined): readonly string[] {
  if (score === undefined) return [];
  return ["/bin/sh", "-c", 'echo "$0" > /proc/self/oom_score_adj && exec "$@"', String(score)];
}
