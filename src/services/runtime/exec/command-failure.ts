import type { CommandStatus } from "../../../ground/errors/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/** The program does not exist or cannot be executed. */
export class CommandNotRun extends RuntimeError {
  /** The OCI runtime's own message. */
  readonly words: string;

  constructor(what: string, words: string, commandStatus: CommandStatus) {
    super("Internal", `${what}: ${words}`, { commandStatus });
    this.words = words;
  }
}

/**
 * The exit code for a command that the OCI runtime could not run, by its message: 127 when there is no such
 * program, 126 when it cannot be executed, as shells have it; undefined when the failure is another. The
 * runtimes have no codes of their own for it: crun and runc exit with 255 or 1 for everything.
 *
 * The pod chooses the name in a message, so messages are recognized by their beginning and end.
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

/** Beginnings of crun's messages, up to 1.20 and later. */
const crunBeginnings = [
  "executable file `",
  "open executable: ",
  "exec: ",
  "exec `",
  "the path `",
  "cannot find `` in $PATH",
];

/** What precedes the path, up to 1.20 and later. */
const crunOpening = ["open `", "cannot open `"];

/** Ends of messages about a path that crun cannot resolve. */
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
  // runc, after text that differs between versions; it escapes quotation marks in names.
  return message.startsWith('exec: "') || message.includes(' exec: "');
}
