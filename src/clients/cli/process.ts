import { isatty } from "node:tty";
import { exitCode } from "./errors.ts";
import type { Io } from "./invocation.ts";
import { runCli } from "./program.ts";

const interruptedTwice = 130;
const stdinDescriptor = 0;

/** Runs the command line of this process and sets `process.exitCode`. */
export async function runProcess(): Promise<void> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(interruptedTwice);
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  // A command must also clean up when its terminal closes. Without a terminal, it may have been started with
  // nohup.
  if (isatty(stdinDescriptor)) process.on("SIGHUP", interrupt);
  const { stdout, stderr, env } = process;
  const io: Io = {
    // A getter, because only commands that read stdin may open it.
    get stdin() {
      return process.stdin;
    },
    stdout,
    stderr,
    env,
  };
  for (const stream of [stdout, stderr]) stream.on("error", (error) => onOutputError(error, io));
  const status = await runCli(process.argv.slice(2), io, controller.signal);
  // Writes to a pipe are asynchronous: exiting before they are done would lose them.
  await Promise.all([flushed(stdout), flushed(stderr)]);
  process.exit(status);
}

/**
 * A reader that has gone (`berth logs x | head`) is no failure of ours, unless the output is of no use
 * without its end; other errors, such as a full disk, are reported.
 */
function onOutputError(error: NodeJS.ErrnoException, io: Io): void {
  const { onBrokenPipe, brokenPipeStatus = exitCode.ok, stderr } = io;
  const isBroken = error.code === "EPIPE";
  if (!isBroken) stderr.write(`berth: the output cannot be written (${error.message})\n`);
  if (onBrokenPipe === undefined) process.exit(isBroken ? brokenPipeStatus : exitCode.failure);
  onBrokenPipe();
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
