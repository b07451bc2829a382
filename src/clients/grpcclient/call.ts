import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import { unavailable } from "./connection.ts";
import { GrpcCallError } from "./errors.ts";
import { messagesIn, prefixed } from "./messages.ts";
import { failureIn, failureOfReset, noGrpcServer } from "./status.ts";

export type CallLimits = {
  /** Ends the call, which then throws the signal's reason. */
  readonly signal: AbortSignal;
  /** How long the call may take; Infinity is for ever. */
  readonly timeoutMs: number;
  /** How long a message of the answer may be. */
  readonly maxMessageBytes: number;
};

/** Timers take no more. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * One call in flight. It ends with its {@link answers}, which somebody has to read, or when it is disposed.
 */
export class Call implements Disposable {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #limits: CallLimits;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = () => this.#endWith(this.#limits.signal.reason);
  #headers: IncomingHttpHeaders = {};
  #failure: { readonly error: unknown } | undefined;

  constructor(session: ClientHttp2Session, headers: Record<string, string>, limits: CallLimits) {
    limits.signal.throwIfAborted();
    this.#limits = limits;
    this.#session = session;
    this.#stream = session.request(headers, { endStream: false });
    this.#stream.on("response", (received) => this.#onHeaders(received));
    this.#stream.on("trailers", (received) => {
      this.#headers = received;
    });
    // What reads the answers gets it too.
    this.#stream.on("error", () => {});
    limits.signal.addEventListener("abort", this.#onAbort);
    if (Number.isFinite(limits.timeoutMs))
      this.#timer = setTimeout(() => this.#onTimeout(), Math.min(limits.timeoutMs, maxTimerMs));
  }

  /** Resolves when the next may be sent: with false when the call has ended, and nobody reads any more. */
  async send(message: Uint8Array): Promise<boolean> {
    const stream = this.#stream;
    if (!stream.writable) return false;
    if (!stream.write(prefixed(message))) {
      const { promise, resolve } = Promise.withResolvers<void>();
      stream.once("drain", resolve).once("close", resolve).once("trailers", resolve);
      await promise;
      stream.off("drain", resolve).off("close", resolve).off("trailers", resolve);
    }
    return stream.writable && this.#headers["grpc-status"] === undefined;
  }

  /** No more messages are sent. */
  endSending(): void {
    this.#stream.end();
  }

  /** The messages that the server answers. Throws GrpcCallError unless its status is OK. */
  async *answers(): AsyncGenerator<Buffer, void> {
    try {
      // Left early, the call is canceled by us, with a code that says so.
      const chunks = this.#stream.iterator({ destroyOnReturn: false });
      yield* messagesIn(chunks, this.#limits.maxMessageBytes);
      if (this.#failure !== undefined || this.#headers["grpc-status"] === undefined) {
        await this.#closed();
        throw this.#failureBehind(undefined);
      }
    } catch (error) {
      throw this.#failureBehind(error);
    } finally {
      this[Symbol.dispose]();
    }
    const failure = failureIn(this.#headers);
    if (failure !== undefined) throw failure;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#limits.signal.removeEventListener("abort", this.#onAbort);
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onHeaders(received: IncomingHttpHeaders): void {
    this.#headers = received;
    const error = noGrpcServer(received);
    if (error !== undefined) this.#endWith(error);
  }

  #onTimeout(): void {
    this.#endWith(new GrpcCallError("DeadlineExceeded", "no answer in time", { origin: "timeout" }));
  }

  /** A stream that was reset may end before it is known with which code. */
  async #closed(): Promise<void> {
    this.#stream.end();
    if (!this.#stream.closed) await new Promise<void>((resolve) => this.#stream.once("close", resolve));
  }

  /** Of several reasons to end a call the first is told. */
  #endWith(error: unknown): void {
    this.#failure ??= { error };
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Of a stream that broke off, whose own error says less than what is known besides. */
  #failureBehind(error: unknown): unknown {
    if (this.#failure !== undefined) return this.#failure.error;
    if (error instanceof GrpcCallError) return error;
    const told = failureIn(this.#headers);
    if (told !== undefined) return told;
    const { rstCode } = this.#stream;
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM) return failureOfReset(rstCode);
    return this.#session.destroyed ? unavailable(error) : failureOfReset(rstCode);
  }
}
