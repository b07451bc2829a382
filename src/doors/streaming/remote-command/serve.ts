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
 * Runs the engine's call on a client's streams, writes the outcome to the error stream, and closes the
 * connection once the client has read everything. The engine's errors are reported to the client, not thrown.
 * `signal` and a disconnecting client both abort the call.
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
  // A client may stop reading at the outcome, so all output is sent before it.
  await Promise.all([stdout, stderr].map(endOutput));
  if (connection.signal.aborted) {
    await connection.closed;
    return;
  }
  const text = encodeOutcome(outcome, streams.version);
  if (text === "") streams.error.end();
  else streams.error.end(text);
  // Further input is discarded, so that it does not delay the client's close.
  stdin?.resume();
  streams.resize?.resume();
  await connection.close();
}

async function endOutput(output: Writable | undefined): Promise<void> {
  if (output === undefined) return;
  output.end();
  // If the client has reset a stream, its output is done, too.
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

/** A client's streams for one exec or attach, with any transport. */
export type RemoteCommandStreams = {
  readonly connection: StreamConnection;
  readonly version: RemoteCommandVersion;
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** For the outcome. */
  readonly error: Writable;
  /** JSON objects {"Width":..,"Height":..}; undefined if the protocol version has none. */
  readonly resize: Readable | undefined;
};
