import { isatty } from "node:tty";
import { exitCode } from "./errors.ts";
import type { Io } from "./invocation.ts";
import { runCli } from "./program.ts";

const interruptedTwice = 130;
const stdinDescriptor = 0;

/** Runs the command line of this process and leaves its status in `process.exitCode`. */
export async function runProcess(): Promise<void> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(interruptedTwice);
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  // With its terminal gone a command has to clean up too; without one it may have been started with nohup.
  if (isatty(stdinDescriptor)) process.on("SIGHUP", interrupt);
  const { stdout, stderr, env } = process;
  const io: Io = {
    // Opened by commands that read it.
    get stdin() {
      return process.stdin;
    },
    stdout,
    stderr,
    env,
  };
  for (const stream of [stdout, stderr]) stream.on("error", (error) => onOutputError(error, io));
  const status = await runCli(process.argv.slice(2), io, controller.signal);
  // A pipe takes writes asynchronously: exiting before they are out would lose them.
  await Promise.all([flushed(stdout), flushed(stderr)]);
  process.exit(status);
}

/** That the reader has gone (`berth logs x | head`) is no failure of ours; a full disk is one to tell of. */
function onOutputError(error: NodeJS.ErrnoException, { onBrokenPipe, stderr }: Io): void {
  const isBroken = error.code === "EPIPE";
  if (!isBroken) stderr.write(`berth: the output cannot be written (${error.message})\n`);
  if (onBrokenPipe === undefined) process.exit(isBroken ? exitCode.ok : exitCode.failure);
  onBrokenPipe();
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
