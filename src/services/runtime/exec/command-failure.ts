import type { CommandStatus } from "../../../ground/errors/index.ts";

/**
 * The exit code for a command that the OCI runtime could not run, by its message: 127 when there is no such
 * program, 126 when it cannot be executed, as shells have it; undefined when the failure is another. The
 * runtimes have no codes of their own for it: crun and runc exit with 255 or 1 for everything.
 *
 * The name in a message was chosen by the pod: a message is told by how it begins and ends.
 */
export function commandFailure(message: string): CommandStatus | undefined {
  if (!isOfProgram(message)) return undefined;
  return notFound.some((end) => message.endsWith(end)) ? 127 : 126;
}

const notFound = [
  // crun
  ": No such file or directory",
  // runc
  ": no such file or directory",
  "executable file not found in $PATH",
];

/** As crun begins, up to 1.20 and since. */
const crunBeginnings = [
  "executable file `",
  "open executable: ",
  "exec: ",
  "exec `",
  "the path `",
  "cannot find `` in $PATH",
];

/** Before the name of what it looks at, up to 1.20 and since. */
const crunOpening = ["open `", "cannot open `"];

/** Of a name that crun's look at it does not get to the end of. */
const crunUnreachable = [
  ": Not a directory",
  ": Too many levels of symbolic links",
  ": File name too long",
  ": Permission denied",
];

function isOfProgram(message: string): boolean {
  if (crunBeginnings.some((beginning) => message.startsWith(beginning))) return true;
  if (crunOpening.some((beginning) => message.startsWith(beginning)))
    return crunUnreachable.some((end) => message.endsWith(end));
  // runc, behind words that differ from version to version; in names it escapes the quotation mark.
  return message.startsWith('exec: "') || message.includes(' exec: "');
}
