import type { Duplex } from "node:stream";
import {
  type RemoteCommandVersion,
  rstStatus,
  SpdySession,
  type SpdyStream,
  streamHeader,
  type WantedStreams,
} from "../../../ground/remotecommand/index.ts";
import { StreamingError } from "../errors.ts";
import type { RemoteCommandStreams } from "./serve.ts";

export type SpdyStreamsOptions = {
  /** How long the client may take to open its streams. */
  readonly creationTimeoutMs: number;
  readonly onActivity: () => void;
};

/** Maximum of unneeded streams before further ones are refused. */
const MAX_STREAMS = 16;

/**
 * Waits for the client to open the streams of a remote command: error always, stdin, stdout and stderr as
 * wanted, resize with a terminal from version 3 on. The order does not matter. Rejects with StreamingError:
 * DeadlineExceeded when they do not come in time, Canceled when the client goes away before; the connection
 * is then closed.
 */
export async function spdyStreams(
  socket: Duplex,
  version: RemoteCommandVersion,
  wanted: WantedStreams,
  options: SpdyStreamsOptions,
): Promise<RemoteCommandStreams> {
  const arrived = new Map<string, SpdyStream>();
  const expected = expectedTypes(version, wanted);
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>();
  const session = new SpdySession(socket, {
    role: "server",
    maxStreams: MAX_STREAMS,
    onActivity: options.onActivity,
    onStream: (stream) => {
      const type = stream.headers.get(streamHeader.type) ?? "";
      if (!TYPES.has(type) || arrived.has(type)) {
        stream.reset(rstStatus.refusedStream);
        return;
      }
      arrived.set(type, stream);
      stream.accept();
      if (!INPUTS.has(type) || !expected.has(type)) stream.resume();
      if ([...expected].every((name) => arrived.has(name))) resolve();
    },
  });
  const timer = setTimeout(() => {
    reject(new StreamingError("DeadlineExceeded", "the client did not open its streams in time"));
  }, options.creationTimeoutMs);
  const abort = () =>
    reject(new StreamingError("Canceled", "the client disconnected before it opened its streams"));
  session.signal.addEventListener("abort", abort, { once: true });
  try {
    await complete;
  } catch (error) {
    void session.close();
    throw error;
  } finally {
    clearTimeout(timer);
    session.signal.removeEventListener("abort", abort);
  }
  return named(session, version, arrived, expected);
}

const TYPES: ReadonlySet<string> = new Set(["error", "stdin", "stdout", "stderr", "resize"]);
const INPUTS: ReadonlySet<string> = new Set(["stdin", "resize"]);

function expectedTypes(version: RemoteCommandVersion, wanted: WantedStreams): ReadonlySet<string> {
  const types = ["error"];
  if (wanted.stdin) types.push("stdin");
  if (wanted.stdout) types.push("stdout");
  if (wanted.stderr) types.push("stderr");
  if (wanted.tty && version >= 3) types.push("resize");
  return new Set(types);
}

function named(
  connection: SpdySession,
  version: RemoteCommandVersion,
  arrived: ReadonlyMap<string, SpdyStream>,
  expected: ReadonlySet<string>,
): RemoteCommandStreams {
  const get = (type: string) => (expected.has(type) ? arrived.get(type) : undefined);
  const error = get("error");
  if (error === undefined) throw new StreamingError("Internal", "the client opened no error stream");
  const stdin = get("stdin");
  // Version 1 clients wait for our end of stdin before they send theirs.
  if (version === 1) stdin?.end();
  return {
    connection,
    version,
    stdin,
    stdout: get("stdout"),
    stderr: get("stderr"),
    error,
    resize: get("resize"),
  };
}
