import { cliOwner, ownerMetadata } from "../../ground/protocol/index.ts";
import { GrpcCallError, GrpcClient, type Method } from "../grpcclient/index.ts";
import type { ClientHints } from "./explain.ts";
import { toClientError } from "./status.ts";

export type CallOptions = {
  /** How long to wait for the response; the client's limit by default. `Infinity` waits forever. */
  readonly timeoutMs?: number;
};

export type StreamOptions = CallOptions & {
  /** Ends only this call. */
  readonly signal?: AbortSignal;
};

export type ClientOptions = {
  /** Ends every call. */
  readonly signal: AbortSignal;
  /** How long a call waits for its response by default; `Infinity` waits forever. */
  readonly timeoutMs: number;
  readonly hints?: ClientHints;
};

const maxMessageBytes = 64 * 1024 * 1024;
const readyTimeoutMs = 5_000;

/**
 * Identifies us to berthd, which hides our pods from kubelets and shows us all pods. Other runtimes ignore
 * it.
 */
const metadata = { [ownerMetadata]: cliOwner };

/** A connection to a CRI endpoint. Calls end when the signal given at the start is aborted. */
export class Client implements Disposable {
  readonly #grpc: GrpcClient;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #hints: ClientHints;

  constructor(path: string, options: ClientOptions) {
    this.#signal = options.signal;
    this.#timeoutMs = options.timeoutMs;
    this.#hints = options.hints ?? {};
    this.#grpc = new GrpcClient({ address: { path }, metadata, maxMessageBytes });
  }

  /**
   * Waits until the HTTP/2 connection is established. Throws GrpcCallError Unavailable, or what a timeout's
   * signal throws.
   */
  async ready(): Promise<void> {
    const limit = AbortSignal.timeout(Math.min(readyTimeoutMs, this.#timeoutMs));
    await this.#grpc.ready(AbortSignal.any([this.#signal, limit]));
  }

  /** One request, one response. Throws CriClientError with the server's error, or the signal's reason. */
  async unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { timeoutMs = this.#timeoutMs }: CallOptions = {},
  ): Promise<Response> {
    try {
      return await this.#grpc.unary(method, request, { signal: this.#signal, timeoutMs });
    } catch (error) {
      throw this.#failure(method, error);
    }
  }

  /** One request, responses until the other side ends. Has no time limit unless one is given. */
  async *serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { timeoutMs = Number.POSITIVE_INFINITY, signal }: StreamOptions = {},
  ): AsyncGenerator<Response> {
    const both = signal === undefined ? this.#signal : AbortSignal.any([this.#signal, signal]);
    try {
      yield* this.#grpc.serverStream(method, request, { signal: both, timeoutMs });
    } catch (error) {
      throw this.#failure(method, error);
    }
  }

  /** Requests until the iterable ends, one response. Has no time limit. */
  async clientStream<Request, Response>(
    method: Method<Request, Response>,
    requests: AsyncIterable<Request> | Iterable<Request>,
  ): Promise<Response> {
    const limits = { signal: this.#signal, timeoutMs: Number.POSITIVE_INFINITY };
    try {
      return await this.#grpc.clientStream(method, requests, limits);
    } catch (error) {
      throw this.#failure(method, error);
    }
  }

  [Symbol.dispose](): void {
    this.#grpc[Symbol.dispose]();
  }

  #failure({ path }: { readonly path: string }, error: unknown): unknown {
    return error instanceof GrpcCallError ? toClientError(path, error, this.#hints) : error;
  }
}
