import { globalArguments } from "../oci-runtime/oci-runtime.ts";
import type { ExecContext } from "./exec-sync.ts";

/** Files of one exec. */
export type ExecFiles = { readonly process: string; readonly pid: string; readonly log: string };

/**
 * What to start so that its standard streams are the command's and its exit code the command's.
 *
 * crun hands its own streams on and waits for the command. runc copies them instead, and does not end before everything
 * has ended that holds them, such as a service that the command left running: there conmon waits in its place, with runc
 * detached. Other runtimes are taken to be like runc.
 */
export function execCommand(
  { handler, conmonPath, cgroupDriver, containerId }: ExecContext,
  files: ExecFiles,
): { readonly path: string; readonly args: readonly string[] } {
  const global = globalArguments(handler, cgroupDriver, files.log);
  if (handler.type === "crun") {
    const args = [...global, "exec", "--process", files.process, "--pid-file", files.pid, containerId];
    return { path: handler.path, args };
  }
  const args = [
    ...["--exec", "--sync", "--cid", containerId],
    ...["--exec-process-spec", files.process, "--container-pidfile", files.pid],
    ...["--log-path", "passthrough", "--log-level", "error"],
    ...["--runtime", handler.path, ...global.flatMap((argument) => ["--runtime-arg", argument])],
  ];
  return { path: conmonPath, args };
}
