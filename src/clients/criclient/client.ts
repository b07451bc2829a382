import { credentials, Client as GrpcClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import { cliOwner, ownerMetadata } from "../../ground/protocol/index.ts";
import type { ClientHints } from "./client-hints.ts";
import { UnreachableError } from "./cri-client-error.ts";
import { toClientError } from "./status.ts";

/** What a generated service definition says of one method. */
export type Method<Request, Response> = {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
};

export type CallOptions = {
  /**
   * How long to wait for the answer; the client's own limit when it is not given. `Infinity` waits for ever.
   */
  readonly timeoutMs?: number;
};

export type StreamOptions = CallOptions & {
  /** Ends this call alone. */
  readonly signal?: AbortSignal;
};

export type ClientOptions = {
  /** Ends every call. */
  readonly signal: AbortSignal;
  /** How long a call waits for its answer unless it says otherwise; `Infinity` waits for ever. */
  readonly timeoutMs: number;
  readonly hints?: ClientHints;
};

const maxMessageBytes = 64 * 1024 * 1024;
const readyTimeoutMs = 5_000;

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
    this.#grpc = new GrpcClient(`unix:${path}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.enable_http_proxy": 0,
    });
  }

  /** Waits until HTTP/2 is spoken. Throws UnreachableError Unavailable. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#grpc.waitForReady(Date.now() + Math.min(readyTimeoutMs, this.#timeoutMs), (error) => {
        if (error === undefined) return resolve();
        reject(
          new UnreachableError("Unavailable", "the socket is open, but does not answer gRPC", {
            cause: error,
          }),
        );
      });
    });
  }

  /**
   * One request, one response. Throws CriClientError with what the other side answered, or the signal's
   * reason.
   */
  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#signal.throwIfAborted();
      const call = this.#grpc.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata(),
        this.#limits(options.timeoutMs ?? this.#timeoutMs),
        (error, response) => {
          this.#signal.removeEventListener("abort", cancel);
          if (error === null && response !== undefined) resolve(response);
          else reject(this.#failure(method.path, error));
        },
      );
      const cancel = () => call.cancel();
      this.#signal.addEventListener("abort", cancel, { once: true });
    });
  }

  /** One request, responses until the other side ends. Has no time limit unless one is given. */
  async *serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: StreamOptions = {},
  ): AsyncGenerator<Response> {
    const signal = AbortSignal.any([this.#signal, ...(options.signal === undefined ? [] : [options.signal])]);
    signal.throwIfAborted();
    const call = this.#grpc.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata(),
      this.#limits(options.timeoutMs ?? Number.POSITIVE_INFINITY),
    );
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      for await (const response of call) yield response;
    } catch (error) {
      throw this.#failure(method.path, error);
    } finally {
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  /** Requests until the iterable ends, one response. Has no time limit. */
  async clientStream<Request, Response>(
    method: Method<Request, Response>,
    requests: AsyncIterable<Request> | Iterable<Request>,
  ): Promise<Response> {
    this.#signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const call = this.#grpc.makeClientStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata(),
      (error, response) => {
        if (error === null && response !== undefined) resolve(response);
        else reject(this.#failure(method.path, error));
      },
    );
    const cancel = () => call.cancel();
    this.#signal.addEventListener("abort", cancel, { once: true });
    let answered = false;
    const answer = promise.finally(() => {
      answered = true;
    });
    answer.catch(() => {});
    try {
      for await (const request of requests) {
        if (answered) break;
        if (!call.write(request))
          await Promise.race([new Promise((taken) => call.once("drain", taken)), answer]);
      }
      call.end();
      return await answer;
    } finally {
      this.#signal.removeEventListener("abort", cancel);
      if (!answered) call.cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#grpc.close();
  }

  #limits(timeoutMs: number): { deadline?: number } {
    return Number.isFinite(timeoutMs) ? { deadline: Date.now() + timeoutMs } : {};
  }

  #failure(path: string, error: unknown): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    return isServiceError(error) ? toClientError(path, error, this.#hints) : error;
  }
}

/**
 * Says to berthd who we are: it shows kubelets nothing of what we make, and us all. Other runtimes do not
 * look at it.
 */
function metadata(): Metadata {
  const own = new Metadata();
  own.set(ownerMetadata, cliOwner);
  return own;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}
