import { Call, type CallLimits } from "./call.ts";
import { type Address, Connection } from "./connection.ts";
import { GrpcCallError } from "./errors.ts";
import { requestHeaders } from "./request-headers.ts";

/** One method of a generated service definition. */
export type Method<Request, Response> = {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Uint8Array;
  readonly responseDeserialize: (bytes: Buffer) => Response;
};

export type GrpcClientOptions = {
  readonly address: Address;
  /** Sent along with every call, by lower-case key. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Maximum size of a response message; a larger one is ResourceExhausted. */
  readonly maxMessageBytes: number;
};

export type CallOptions = Omit<CallLimits, "maxMessageBytes">;

/**
 * Calls methods of services at one address. Each throws GrpcCallError with the server's error, or Unavailable
 * without a connection; or its signal's reason.
 */
export class GrpcClient implements Disposable {
  readonly #connection: Connection;
  readonly #options: GrpcClientOptions;

  constructor(options: GrpcClientOptions) {
    this.#options = options;
    this.#connection = new Connection(options.address);
  }

  /**
   * Resolves when the HTTP/2 connection is established. Throws GrpcCallError Unavailable, or the signal's
   * reason.
   */
  ready(signal: AbortSignal): Promise<void> {
    return this.#connection.ready(signal);
  }

  /** One request, one response. */
  async unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    return await only(this.serverStream(method, request, options));
  }

  /**
   * One request, responses until the server ends. A call that the server refused without processing it is
   * retried once.
   */
  async *serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): AsyncGenerator<Response, void> {
    const bytes = method.requestSerialize(request);
    try {
      yield* this.#answers(method, bytes, options);
    } catch (error) {
      if (!(error instanceof GrpcCallError) || error.origin !== "refused") throw error;
      yield* this.#answers(method, bytes, options);
    }
  }

  /** Requests until the iterable ends or the server responds; one response. */
  async clientStream<Request, Response>(
    method: Method<Request, Response>,
    requests: AsyncIterable<Request> | Iterable<Request>,
    options: CallOptions,
  ): Promise<Response> {
    using call = this.#call(method.path, options);
    const answer = only(decoded(call, method));
    // Called when everything was sent, or nothing can be.
    answer.catch(() => {});
    for await (const request of requests) {
      if (!(await call.send(method.requestSerialize(request)))) break;
    }
    call.endSending();
    return await answer;
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  async *#answers<Request, Response>(
    method: Method<Request, Response>,
    request: Uint8Array,
    options: CallOptions,
  ): AsyncGenerator<Response, void> {
    using call = this.#call(method.path, options);
    void call.send(request);
    call.endSending();
    yield* decoded(call, method);
  }

  #call(path: string, options: CallOptions): Call {
    const { metadata = {}, maxMessageBytes } = this.#options;
    const headers = requestHeaders(path, options.timeoutMs, metadata);
    return new Call(this.#connection.session(), headers, { ...options, maxMessageBytes });
  }
}

async function* decoded<Response>(
  call: Call,
  { responseDeserialize }: Pick<Method<never, Response>, "responseDeserialize">,
): AsyncGenerator<Response, void> {
  for await (const bytes of call.answers()) yield responseDeserialize(bytes);
}

/** The only response of a unary call. Returned only if the call's status is OK. */
async function only<Response>(responses: AsyncIterable<Response>): Promise<Response> {
  const all: Response[] = [];
  for await (const response of responses) {
    all.push(response);
    if (all.length > 1)
      throw new GrpcCallError("Unimplemented", "the server sent several responses to a unary call");
  }
  const [response] = all;
  if (response === undefined)
    throw new GrpcCallError("Unimplemented", "the server sent no response to a unary call");
  return response;
}
