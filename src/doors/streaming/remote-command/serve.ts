import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { messageOf } from "../../../ground/errors/index.ts";
import {
  encodeOutcome,
  type RemoteCommandOutcome,
  type RemoteCommandVersion,
  type StreamConnection,
  terminalSizes,
} from "../../../ground/remotecommand/index.ts";
import type { StreamIo } from "../engine.ts";

/**
 * Runs the engine's call on a client's streams, writes the outcome on the error stream, and closes the
 * connection once the client has taken everything. Never rejects for what the engine says: the client is
 * told. `signal` and a client that goes away both abort the call.
 */
export async function serveRemoteCommand(
  streams: RemoteCommandStreams,
  call: (io: StreamIo, signal: AbortSignal) => Promise<{ readonly exitCode: number }>,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const { connection, stdin, stdout, stderr } = streams;
  const io: StreamIo = { stdin, stdout, stderr, resize: terminalSizes(streams.resize) };
  const outcome = await outcomeOf(() => call(io, AbortSignal.any([connection.signal, signal])), what);
  // A client may stop at the outcome, so all output goes before it.
  await Promise.all([stdout, stderr].map(endOutput));
  if (connection.signal.aborted) {
    await connection.closed;
    return;
  }
  const text = encodeOutcome(outcome, streams.version);
  if (text === "") streams.error.end();
  else streams.error.end(text);
  // What the client still sends is of no use any more, and must not hold up its end of the closing.
  stdin?.resume();
  streams.resize?.resume();
  await connection.close();
}

async function endOutput(output: Writable | undefined): Promise<void> {
  if (output === undefined) return;
  output.end();
  // A stream that the client has given up takes no more output, which is an end as well.
  await finished(output, { readable: false }).catch(() => {});
}

async function outcomeOf(
  call: () => Promise<{ readonly exitCode: number }>,
  what: string,
): Promise<RemoteCommandOutcome> {
  try {
    const { exitCode } = await call();
    return { kind: "exited", exitCode };
  } catch (error) {
    return { kind: "failed", message: `error ${what}: ${messageOf(error)}` };
  }
}

/** A client's streams for one exec or attach, however they came. */
export type RemoteCommandStreams = {
  readonly connection: StreamConnection;
  readonly version: RemoteCommandVersion;
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Takes the outcome. */
  readonly error: Writable;
  /** JSON objects {"Width":..,"Height":..}; undefined when the version has none. */
  readonly resize: Readable | undefined;
};
