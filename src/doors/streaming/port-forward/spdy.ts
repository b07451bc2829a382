import type { Duplex } from "node:stream";
import {
  rstStatus,
  SpdySession,
  type SpdyStream,
  streamHeader,
} from "../../../ground/remotecommand/index.ts";
import { StreamingError } from "../errors.ts";
import { type Forward, forwardPair } from "./forward.ts";

export type SpdyPortForwardOptions = {
  /** How long the second stream of a pair may take to follow the first. */
  readonly creationTimeoutMs: number;
  readonly onActivity: () => void;
};

/** Two for each forwarded connection. */
const MAX_STREAMS = 2_000;

/**
 * Port-forward over a SPDY session: for each connection the client opens an error stream and a data stream
 * with the same request id and port, in any order. The session ends with the client's connection, or when
 * `signal` aborts.
 */
export class SpdyPortForward {
  readonly session: SpdySession;
  readonly #forward: Forward;
  readonly #options: SpdyPortForwardOptions;
  readonly #signal: AbortSignal;
  readonly #halfPairs = new Map<string, HalfPair>();

  constructor(socket: Duplex, forward: Forward, signal: AbortSignal, options: SpdyPortForwardOptions) {
    this.#forward = forward;
    this.#options = options;
    this.session = new SpdySession(socket, {
      role: "server",
      maxStreams: MAX_STREAMS,
      onActivity: options.onActivity,
      onStream: (stream) => this.#onStream(stream),
    });
    this.#signal = AbortSignal.any([signal, this.session.signal]);
  }

  /** Resolves when the session is over. */
  async run(): Promise<void> {
    const close = () => void this.session.close();
    this.#signal.addEventListener("abort", close, { once: true });
    if (this.#signal.aborted) close();
    await this.session.closed;
    for (const { timer } of this.#halfPairs.values()) clearTimeout(timer);
    this.#halfPairs.clear();
  }

  #onStream(stream: SpdyStream): void {
    const request = parseHeaders(stream);
    if (request === undefined) {
      stream.reset(rstStatus.refusedStream);
      return;
    }
    const { type, port, requestId } = request;
    const other = this.#halfPairs.get(requestId);
    if (other === undefined) {
      stream.accept();
      const timer = setTimeout(() => this.#expire(requestId), this.#options.creationTimeoutMs);
      this.#halfPairs.set(requestId, { type, port, stream, timer });
      return;
    }
    if (other.type === type || other.port !== port) {
      stream.reset(rstStatus.refusedStream);
      return;
    }
    clearTimeout(other.timer);
    this.#halfPairs.delete(requestId);
    stream.accept();
    const [data, error] = type === "data" ? [stream, other.stream] : [other.stream, stream];
    void forwardPair({ port, data, error }, this.#forward, this.#signal);
  }

  #expire(requestId: string): void {
    const half = this.#halfPairs.get(requestId);
    this.#halfPairs.delete(requestId);
    if (half === undefined) return;
    const { stream } = half;
    if (half.type === "error") {
      stream.end("timed out waiting for the data stream of the connection", () =>
        stream.reset(rstStatus.cancel),
      );
    } else {
      stream.reset(rstStatus.cancel);
    }
  }
}

type StreamType = "data" | "error";
type HalfPair = {
  readonly type: StreamType;
  readonly port: number;
  readonly stream: SpdyStream;
  readonly timer: NodeJS.Timeout;
};

/** Undefined if the headers do not say what the stream is for. */
function parseHeaders(
  stream: SpdyStream,
): { readonly type: StreamType; readonly port: number; readonly requestId: string } | undefined {
  const type = stream.headers.get(streamHeader.type);
  if (type !== "data" && type !== "error") return undefined;
  const port = parsePort(stream.headers.get(streamHeader.port) ?? "");
  if (port === undefined) return undefined;
  // Clients before 2015 send no request id: they open the error stream and then, with the next id, the data
  // stream.
  const firstStreamId = type === "error" ? stream.id : stream.id - 2;
  return { type, port, requestId: stream.headers.get(streamHeader.requestId) ?? `stream ${firstStreamId}` };
}

/** A TCP port from decimal text; undefined for anything else. */
export function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** The ports in a URL's `port` parameters, each a list with commas. Throws StreamingError InvalidArgument. */
export function parsePortQuery(values: readonly string[]): readonly number[] {
  return values
    .flatMap((value) => value.split(","))
    .map((text) => {
      const port = parsePort(text);
      if (port === undefined)
        throw new StreamingError("InvalidArgument", `${JSON.stringify(text)} is not a port`);
      return port;
    });
}
