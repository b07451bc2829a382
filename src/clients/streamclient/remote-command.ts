import type { Readable, Writable } from "node:stream";
import { hasCode } from "../../ground/errors/index.ts";
import { decodeOutcome, encodeTerminalSize, type TerminalSize } from "../../ground/remotecommand/index.ts";
import type { ClientStreams, RemoteCommandOptions } from "./client-streams.ts";
import { StreamClientError } from "./errors.ts";
import { connectOverSpdy } from "./spdy.ts";
import { connectOverWebSocket } from "./websocket.ts";

/**
 * A running exec or attach. Its streams have back-pressure; ending `stdin` ends the process's stdin.
 * Disposing it cuts the connection, which ends an exec's process.
 */
export interface RemoteCommand extends AsyncDisposable {
  readonly stdin: Writable | undefined;
  /** Must be read to the end, or else the process stops sooner or later. */
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Without a terminal it does nothing. */
  resize(size: TerminalSize): void;
  /**
   * The exit code (0 also for an attach that has ended well). It may be there before all output has been
   * read. Rejects with StreamClientError: Unknown with the runtime's message when the command could not be
   * run, Unavailable when the connection broke.
   */
  readonly exitCode: Promise<number>;
}

/**
 * Connects to an exec or attach. Throws StreamClientError: Unavailable, FailedPrecondition; and what `url`
 * throws.
 */
export async function connectRemoteCommand(options: RemoteCommandOptions): Promise<RemoteCommand> {
  const streams = await connect(options);
  const abort = () => streams.connection.destroy();
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted === true) abort();
  void streams.connection.closed.then(() => options.signal?.removeEventListener("abort", abort));
  return new ConnectedCommand(streams);
}

async function connect(options: RemoteCommandOptions): Promise<ClientStreams> {
  const { transport = "auto" } = options;
  if (transport === "spdy") return connectOverSpdy(options);
  if (transport === "websocket") return connectOverWebSocket(options);
  try {
    return await connectOverWebSocket(options);
  } catch (error) {
    // The server answered but does not speak the WebSocket protocol that is needed.
    if (!hasCode(error, "FailedPrecondition")) throw error;
    return connectOverSpdy(options);
  }
}

class ConnectedCommand implements RemoteCommand {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly exitCode: Promise<number>;
  readonly #streams: ClientStreams;

  constructor(streams: ClientStreams) {
    this.#streams = streams;
    this.stdin = streams.stdin;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
    this.exitCode = exitCodeOf(streams);
    // A caller that only copies streams need not look at it.
    this.exitCode.catch(() => {});
    // Nor at streams that it does not use, when the connection is cut under them.
    for (const stream of [streams.error, streams.stdin, streams.stdout, streams.stderr, streams.resize])
      stream?.on("error", () => {});
  }

  resize(size: TerminalSize): void {
    const { resize } = this.#streams;
    if (resize?.writable === true) resize.write(encodeTerminalSize(size));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#streams.connection.destroy();
    await this.#streams.connection.closed;
  }
}

async function exitCodeOf({ error, version }: ClientStreams): Promise<number> {
  const text = await readUntilClosed(error);
  const outcome = decodeOutcome(text, version);
  if (outcome === undefined) throw new StreamClientError("Unavailable", "lost the connection to the command");
  if (outcome.kind === "failed") throw new StreamClientError("Unknown", outcome.message);
  return outcome.exitCode;
}

/**
 * Runtimes reset the error stream right after the outcome instead of ending it, so an error here is an end as
 * well.
 */
export async function readUntilClosed(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_OUTCOME_BYTES) chunks.push(chunk);
  });
  await new Promise<void>((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
  return Buffer.concat(chunks).toString();
}

const MAX_OUTCOME_BYTES = 1_048_576;
