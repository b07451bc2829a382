import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { RemoteCommand, TerminalSize } from "../../streamclient/index.ts";
import { usageError } from "../errors.ts";
import type { Io, OutputStream } from "../invocation.ts";
import { write } from "../output/write.ts";
import { DetachFilter, parseDetachKeys } from "./detach-keys.ts";
import { defaultDetachKeys, type InteractiveOptions } from "./options.ts";
import { RawTerminal } from "./raw-terminal.ts";

export type SessionOutcome =
  | { readonly kind: "ended"; readonly exitCode: number }
  | { readonly kind: "detached" };

/** The parts of a {@link RemoteCommand} that a session uses. */
export type SessionStreams = {
  readonly stdin: Writable | undefined;
  readonly stdout: AsyncIterable<Uint8Array> | undefined;
  readonly stderr: AsyncIterable<Uint8Array> | undefined;
  readonly resize: RemoteCommand["resize"];
  readonly exitCode: Promise<number>;
};

/** How we are connected to the command, as the options say. */
export type SessionPlan = {
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Empty where there is nothing to detach with. */
  readonly detachKeys: Buffer;
  /** Asks a program that runs already to show again what it has shown. */
  readonly redraw?: boolean;
};

/** Throws CliError where the options cannot be had: before anything is begun. */
export function planSession(
  { stdin = false, tty = false, detachKeys }: InteractiveOptions,
  io: Io,
): SessionPlan {
  if (stdin && tty && io.stdin.isTTY !== true) {
    throw usageError("stdin is not a terminal: omit -t to pass it through");
  }
  const keys = parseDetachKeys(detachKeys ?? defaultDetachKeys);
  return { stdin, tty, detachKeys: stdin && tty ? keys : Buffer.alloc(0) };
}

/**
 * Connects our own streams with a command's until it ends, or until the user detaches. Rejects with
 * StreamClientError when it does not end as it should.
 */
export async function runSession(
  command: SessionStreams,
  plan: SessionPlan,
  io: Io,
): Promise<SessionOutcome> {
  const stopInput = new AbortController();
  using _terminal = plan.stdin && plan.tty ? await RawTerminal.enter(io) : undefined;
  using _size = plan.tty ? followWindowSize(io, (size) => command.resize(size), plan) : undefined;
  try {
    const outcomes = [ending(command, io)];
    if (command.stdin !== undefined)
      outcomes.push(detaching(command.stdin, plan, io.stdin, stopInput.signal));
    return await Promise.race(outcomes);
  } finally {
    stopInput.abort();
  }
}

async function ending(command: SessionStreams, io: Io): Promise<SessionOutcome> {
  const copied = await Promise.allSettled([copy(command.stdout, io.stdout), copy(command.stderr, io.stderr)]);
  // It says more of a broken connection than the streams do.
  const exitCode = await command.exitCode;
  for (const result of copied) if (result.status === "rejected") throw result.reason;
  return { kind: "ended", exitCode };
}

async function copy(from: AsyncIterable<Uint8Array> | undefined, to: OutputStream): Promise<void> {
  if (from === undefined) return;
  for await (const chunk of from) await write(to, chunk);
}

/**
 * Copies our input; resolves only when the user detaches. A command may end without having read its input:
 * that is none of our errors.
 */
async function detaching(
  to: Writable,
  { detachKeys }: SessionPlan,
  from: Io["stdin"],
  signal: AbortSignal,
): Promise<SessionOutcome> {
  to.on("error", () => {});
  const filter = new DetachFilter(detachKeys);
  for await (const chunk of untilAborted(from, signal)) {
    const { send, detached } = filter.push(chunk);
    if (to.destroyed) break;
    await write(to, send);
    if (detached) return { kind: "detached" };
  }
  to.end();
  return new Promise(() => {});
}

/**
 * What can be read until the signal. Reading is stopped then, but the stream is left as it is: a terminal
 * must be set back.
 */
async function* untilAborted(from: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const aborted = once(signal, "abort");
  const reader = from.iterator({ destroyOnReturn: false });
  try {
    while (!signal.aborted) {
      const reading = reader.next();
      // Nobody waits any more for what is read after the end.
      reading.catch(() => {});
      const next = await Promise.race([reading, aborted]);
      if (Array.isArray(next) || next.done === true) return;
      yield Buffer.from(next.value);
    }
  } finally {
    from.pause();
  }
}

/**
 * Calls with the size of our terminal, now and whenever it changes, until it is disposed of. Without a
 * terminal it never calls. With `redraw` it begins with another size: a program that runs already draws again
 * only when the size changes.
 */
function followWindowSize(
  { stdout, stderr }: Io,
  onSize: (size: TerminalSize) => void,
  { redraw = false } = {},
): Disposable {
  const output = [stdout, stderr].find(({ isTTY }) => isTTY === true);
  const report = () => {
    const size = output && windowSize(output);
    if (size !== undefined) onSize(size);
  };
  const now = output && windowSize(output);
  if (now !== undefined && redraw) onSize({ ...now, height: now.height + 1 });
  report();
  output?.on("resize", report);
  return { [Symbol.dispose]: () => void output?.off("resize", report) };
}

/** A terminal that was never told its size says 0. */
function windowSize({ columns = 0, rows = 0 }: OutputStream): TerminalSize | undefined {
  return columns > 0 && rows > 0 ? { width: columns, height: rows } : undefined;
}
