import { basename } from "node:path";
import { globalArguments } from "../oci-runtime/oci-runtime.ts";
import type { ExecContext } from "./exec-context.ts";
import type { ExecFiles } from "./exec-files.ts";

/**
 * What to start so that its standard streams are the command's, if that has no terminal, and its exit code the command's.
 *
 * crun hands its own streams on and waits for the command. runc copies them instead, and does not end before everything
 * has ended that holds them, such as a service that the command left running: there conmon waits in its place, with runc
 * detached. Other runtimes are taken to be like runc, and so is crun in the host's PID namespace: what a command leaves
 * running becomes its child there, and it waits for all of its children. With a terminal both hand its master over on the console socket,
 * which is named relative to the exec's directory, where the program must be started: paths of sockets are short.
 */
export function execCommand(
  { handler, program, conmonPath, cgroupDriver, containerId, hostPids }: ExecContext,
  files: ExecFiles,
  terminal: boolean,
): { readonly path: string; readonly args: readonly string[] } {
  const global = globalArguments(handler, cgroupDriver, files.log);
  const console = terminal ? ["--console-socket", basename(files.console)] : [];
  if (handler.type === "crun" && !hostPids) {
    const own = ["--process", files.process, "--pid-file", files.pid];
    return { path: program, args: [...global, "exec", ...own, ...console, containerId] };
  }
  const args = [
    ...["--exec", "--sync", "--cid", containerId],
    ...["--exec-process-spec", files.process, "--container-pidfile", files.pid],
    ...["--log-path", "passthrough", "--log-level", "error"],
    ...["--runtime", program, ...global.flatMap((argument) => ["--runtime-arg", argument])],
    ...console.flatMap((argument) => ["--runtime-opt", argument]),
  ];
  return { path: conmonPath, args };
}
