import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { setImmediate } from "node:timers/promises";
import { longestTimerMs } from "../clock/index.ts";
import { raceAbort } from "../sync/index.ts";
import { GrpcError } from "./errors.ts";
import type { CallMetadata } from "./handlers.ts";
import {
  decompressed,
  type EncodedMessage,
  freeMemory,
  MessageDecoder,
  prefixed,
  type ReceivedMessage,
} from "./messages.ts";
import { type Status, trailersOf } from "./status.ts";

const responseHeaders: OutgoingHttpHeaders = {
  ":status": 200,
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity,deflate,gzip",
};

/** Limits and hooks of all calls of a server. */
export type CallOptions = {
  readonly maxRequestBytes: number;
  /** Called with the size of everything that is received. */
  readonly received: (bytes: number) => void;
};

/**
 * One call, as a stream of HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). It is
 * *answered* once its status has been decided: nothing is sent after that. Its signal aborts if that does not
 * happen before the client has gone or its deadline has passed, or when {@link abort} is called.
 */
export class ServerCall {
  readonly metadata: CallMetadata;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #options: CallOptions;
  readonly #controller = new AbortController();
  readonly #decoder: MessageDecoder;
  readonly #deadline: NodeJS.Timeout | undefined;
  /** Received messages that nobody has taken. */
  readonly #requests: ReceivedMessage[] = [];
  /** Set when the client has sent its last message, or something that cannot be served. */
  #requestsEnd: { readonly error: GrpcError | undefined } | undefined;
  #wakeReader: (() => void) | undefined;
  #trailers: OutgoingHttpHeaders | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: CallOptions) {
    this.#stream = stream;
    this.#headers = headers;
    this.#options = options;
    this.#decoder = new MessageDecoder(options.maxRequestBytes);
    this.metadata = { get: (name) => valuesOf(headers[name]) };
    this.#deadline = this.#startDeadline();
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    stream.on("end", () => this.#onEnd());
    stream.on("close", () => this.#onClose());
    // What broke a stream also closes it.
    stream.on("error", () => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The client has given up, or its connection is lost. */
  get isClosed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  /** Aborts the signal of a call that is not answered. */
  abort(reason: GrpcError): void {
    if (this.#trailers !== undefined) return;
    this.#controller.abort(reason);
    this.#wakeReader?.();
  }

  /**
   * The client's only message. Throws the signal's reason; GrpcError Unimplemented unless there is exactly
   * one, and for what is not a message.
   */
  async onlyRequest(): Promise<Buffer> {
    while (this.#requestsEnd === undefined && this.#requests.length < 2 && !this.signal.aborted)
      await this.#woken();
    this.signal.throwIfAborted();
    const [only, second] = this.#requests;
    const error = this.#requestsEnd?.error;
    if (error === undefined && only !== undefined && second === undefined)
      return await this.#decompressed(only);
    await this.#resetTold();
    throw error ?? new GrpcError("Unimplemented", "the method takes one message, not none or several");
  }

  /**
   * The next of the client's messages; undefined after the last. Throws the signal's reason; GrpcError for
   * what is not a message.
   */
  async nextRequest(): Promise<Buffer | undefined> {
    while (this.#requestsEnd === undefined && this.#requests.length === 0 && !this.signal.aborted) {
      this.#stream.resume();
      await this.#woken();
    }
    this.signal.throwIfAborted();
    const next = this.#requests.shift();
    if (next !== undefined) return await this.#decompressed(next);
    await this.#resetTold();
    if (this.#requestsEnd?.error !== undefined) throw this.#requestsEnd.error;
    return undefined;
  }

  /** Sends the only message and status OK. */
  answer(message: EncodedMessage): void {
    if (this.#trailers !== undefined || this.isClosed) return;
    this.#respond();
    this.#finish(trailersOf());
    this.#stream.end(prefixed(message));
  }

  /** Sends one of several messages; resolves when the next one may be sent. Throws the signal's reason. */
  async send(message: EncodedMessage): Promise<void> {
    this.#checkReader();
    this.#respond();
    if (this.#stream.write(prefixed(message))) return;
    const drained = Promise.withResolvers<void>();
    this.#stream.once("drain", drained.resolve);
    try {
      await raceAbort(drained.promise, this.signal);
    } finally {
      this.#stream.off("drain", drained.resolve);
    }
  }

  /**
   * As {@link send}, but resolves when the message is written to the socket, and its memory is freed. Throws
   * the signal's reason, or the failure.
   */
  async sendWhole(message: EncodedMessage): Promise<void> {
    this.#checkReader();
    this.#respond();
    const framed = prefixed(message);
    const written = Promise.withResolvers<void>();
    this.#stream.write(framed, (error) => (error ? written.reject(error) : written.resolve()));
    try {
      await raceAbort(written.promise, this.signal);
    } catch (error) {
      this.#checkReader();
      throw error;
    }
    freeMemory(framed);
  }

  /** Ends the call, with OK unless there is an error. */
  end(status?: Status): void {
    if (this.#trailers !== undefined) return;
    const trailers = trailersOf(status);
    const isBegun = this.#stream.headersSent;
    this.#finish(trailers);
    if (this.isClosed) return;
    if (isBegun) this.#stream.end();
    else this.#stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
  }

  /** Throws the signal's reason, also when the stream is closed and the signal will abort in a moment. */
  #checkReader(): void {
    this.signal.throwIfAborted();
    if (this.isClosed) throw disconnected();
  }

  /** Sends the headers before the first message. */
  #respond(): void {
    if (this.#stream.headersSent) return;
    this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(this.#trailers ?? {}));
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
  }

  #finish(trailers: OutgoingHttpHeaders): void {
    this.#trailers = trailers;
    clearTimeout(this.#deadline);
    // What the client still sends is dropped: otherwise, its stream would not end.
    this.#requests.length = 0;
    if (this.#stream.isPaused()) this.#stream.resume();
  }

  #onData(chunk: Buffer): void {
    this.#options.received(chunk.length);
    if (this.#trailers !== undefined || this.#requestsEnd !== undefined) return;
    try {
      const messages = this.#decoder.messagesIn(chunk);
      if (messages.length === 0) return;
      this.#requests.push(...messages);
      // The end of the requests may follow.
      if (this.#requests.length > 1) this.#stream.pause();
    } catch (error) {
      this.#requestsEnd = { error: error as GrpcError };
    }
    this.#wakeReader?.();
  }

  #onEnd(): void {
    const error = this.#decoder.isWithin
      ? new GrpcError("Internal", "the request ends within a message")
      : undefined;
    this.#requestsEnd ??= { error };
    this.#wakeReader?.();
  }

  #onClose(): void {
    clearTimeout(this.#deadline);
    if (this.#trailers === undefined) this.abort(disconnected());
  }

  /** Resolves when something has changed for who reads requests. */
  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve;
    });
  }

  /**
   * Node's client, and so grpc-js's, ends a stream before it resets it, and the reset is reported up to two
   * turns of the event loop after the end: the messages so far may not be all. Throws the signal's reason.
   */
  async #resetTold(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    this.signal.throwIfAborted();
  }

  #decompressed(message: ReceivedMessage): Promise<Buffer> {
    const encoding = this.#headers["grpc-encoding"]?.toString() ?? "identity";
    return decompressed(message, encoding, this.#options.maxRequestBytes);
  }

  /**
   * Node's timers cannot keep deadlines of more than 24 days: these are left to the client, which keeps them
   * too. A kubelet's StopContainer has such a deadline for a pod with a grace period of a month.
   */
  #startDeadline(): NodeJS.Timeout | undefined {
    const timeout = this.#headers["grpc-timeout"]?.toString();
    if (timeout === undefined) return undefined;
    const timeoutMs = timeoutMsOf(timeout);
    if (timeoutMs === undefined) {
      const message = `grpc-timeout ${JSON.stringify(timeout)}: use up to 8 digits and a unit (H, M, S, m, u, n)`;
      this.#requestsEnd = { error: new GrpcError("InvalidArgument", message) };
    } else if (timeoutMs <= longestTimerMs) return setTimeout(() => this.#expire(), timeoutMs);
    return undefined;
  }

  /** The client gets the status at once, however long the handler takes. */
  #expire(): void {
    const reason = new GrpcError("DeadlineExceeded", "the client's deadline expired");
    this.abort(reason);
    this.end({ code: "DEADLINE_EXCEEDED", details: reason.message, trailers: {} });
  }
}

function disconnected(): GrpcError {
  return new GrpcError("Canceled", "the client disconnected");
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Undefined for what is no timeout. */
function timeoutMsOf(header: string): number | undefined {
  const unit = unitMs[header.at(-1) ?? ""];
  return unit !== undefined && /^\d{1,8}.$/.test(header) ? Number.parseInt(header, 10) * unit : undefined;
}

function valuesOf(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  return typeof header === "string" ? [header] : header;
}
