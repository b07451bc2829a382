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

/** How to connect to the command, from the options. */
export type SessionPlan = {
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Empty if detaching is not possible. */
  readonly detachKeys: Buffer;
  /** Whether to make a running program redraw its screen. */
  readonly redraw?: boolean;
};

/** Checks the options before anything is started. Throws CliError if they are not possible. */
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
 * Connects our own streams to a command's until it ends, or until the user detaches. Rejects with
 * StreamClientError if it does not end properly.
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
  // Its error says more about a broken connection than those of the streams.
  const exitCode = await command.exitCode;
  for (const result of copied) if (result.status === "rejected") throw result.reason;
  return { kind: "ended", exitCode };
}

async function copy(from: AsyncIterable<Uint8Array> | undefined, to: OutputStream): Promise<void> {
  if (from === undefined) return;
  for await (const chunk of from) await write(to, chunk);
}

/**
 * Copies our input; resolves only when the user detaches. A command may end without having read its input;
 * that is not an error.
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
 * Reads from a stream until the signal aborts. The stream itself is left open: a terminal must still be
 * restored.
 */
async function* untilAborted(from: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const aborted = once(signal, "abort");
  const reader = from.iterator({ destroyOnReturn: false });
  try {
    while (!signal.aborted) {
      const reading = reader.next();
      // Nobody awaits the read that is pending at the end.
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
 * Calls back with the size of our terminal, now and whenever it changes, until it is disposed of; never
 * without a terminal. With `redraw`, it starts with another size: a running program redraws only when the
 * size changes.
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

/** A terminal whose size was never set reports 0. */
function windowSize({ columns = 0, rows = 0 }: OutputStream): TerminalSize | undefined {
  return columns > 0 && rows > 0 ? { width: columns, height: rows } : undefined;
}
