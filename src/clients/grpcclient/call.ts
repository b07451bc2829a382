import { longestTimerMs } from "../../ground/clock/index.ts";
import { unavailable } from "./connection.ts";
import { GrpcCallError } from "./errors.ts";
import { errorCodes } from "./http2/frames.ts";
import type { Http2Session } from "./http2/session.ts";
import type { Headers, Http2Stream } from "./http2/stream.ts";
import { messagesIn, prefixed } from "./messages.ts";
import { failureIn, failureOfReset, noGrpcServer } from "./status.ts";

export type CallLimits = {
  /** Ends the call, which then throws the signal's reason. */
  readonly signal: AbortSignal;
  /** How long the call may take; Infinity is no limit. */
  readonly timeoutMs: number;
  /** Maximum size of a response message. */
  readonly maxMessageBytes: number;
};

/** One call in flight. It ends with its {@link answers}, which must be read, or when it is disposed. */
export class Call implements Disposable {
  readonly #stream: Http2Stream;
  readonly #limits: CallLimits;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = () => this.#endWith(this.#limits.signal.reason);
  /** Response headers, then trailers. */
  #headers: Headers = {};
  #isBegun = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(session: Http2Session, headers: Record<string, string>, limits: CallLimits) {
    limits.signal.throwIfAborted();
    this.#limits = limits;
    this.#stream = session.request(headers);
    this.#stream.onHeaders = (received) => this.#onHeaders(received);
    limits.signal.addEventListener("abort", this.#onAbort);
    if (Number.isFinite(limits.timeoutMs))
      this.#timer = setTimeout(() => this.#onTimeout(), Math.min(limits.timeoutMs, longestTimerMs));
  }

  /** Resolves when the next may be sent: with false if the call has ended, and nobody reads any more. */
  async send(message: Uint8Array): Promise<boolean> {
    await this.#stream.write(prefixed(message));
    return !this.#stream.isClosed && this.#headers["grpc-status"] === undefined;
  }

  /** No more messages are sent. */
  endSending(): void {
    this.#stream.end();
  }

  /** The server's messages. Throws GrpcCallError unless its status is OK. */
  async *answers(): AsyncGenerator<Buffer, void> {
    try {
      yield* messagesIn(this.#stream.chunks(), this.#limits.maxMessageBytes);
      if (this.#failure !== undefined || this.#headers["grpc-status"] === undefined)
        throw this.#failureBehind(undefined);
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
    this.#stream.cancel();
  }

  /** Trailers need not repeat the headers. */
  #onHeaders(received: Headers): void {
    this.#headers = received;
    if (this.#isBegun) return;
    this.#isBegun = true;
    const error = noGrpcServer(received);
    if (error !== undefined) this.#endWith(error);
  }

  #onTimeout(): void {
    this.#endWith(new GrpcCallError("DeadlineExceeded", "no answer in time", { origin: "timeout" }));
  }

  /** Only the first reason to end a call is reported. */
  #endWith(error: unknown): void {
    this.#failure ??= { error };
    this.#stream.cancel();
  }

  /** For a broken stream, about which more may be known. */
  #failureBehind(error: unknown): unknown {
    if (this.#failure !== undefined) return this.#failure.error;
    const { lostWith, resetCode } = this.#stream;
    if (error instanceof GrpcCallError && lostWith === undefined && resetCode === undefined) return error;
    const failure = failureIn(this.#headers);
    if (failure !== undefined) return failure;
    if (lostWith !== undefined) return unavailable(lostWith.error);
    if (resetCode !== undefined) return failureOfReset(resetCode);
    return error ?? failureOfReset(errorCodes.protocolError);
  }
}
