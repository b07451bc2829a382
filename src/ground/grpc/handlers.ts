/** Headers that a client sent. */
export type CallMetadata = {
  /**
   * The values of a header, by lower-case name. Node's HTTP/2 joins headers of the same name into one value,
   * with ", " in between.
   */
  get(name: string): readonly string[];
};

/** What a handler knows about its call in addition to the request. */
export type CallContext = {
  /** Aborts when the client goes away, its deadline passes or the server stops; the reason is a GrpcError. */
  readonly signal: AbortSignal;
  /** What the client sent along with the request. */
  readonly metadata: CallMetadata;
  /** The id on all of the call's log lines. */
  readonly requestId: string;
};

/** Responds to one message with one, or throws. */
export type UnaryHandler<Request, Response, Context = CallContext> = (
  request: Request,
  call: Context,
) => Response | Promise<Response>;

/** Responds to one message with those that it yields; it is resumed when the client has read them. */
export type ServerStreamHandler<Request, Response, Context = CallContext> = (
  request: Request,
  call: Context,
) => AsyncIterable<Response>;

/** Responds to a stream of messages with one. It need not read the whole stream. */
export type ClientStreamHandler<Request, Response, Context = CallContext> = (
  requests: AsyncIterable<Request>,
  call: Context,
) => Response | Promise<Response>;

/** Responds to a stream of messages with those that it yields, at any time. */
export type BidiHandler<Request, Response, Context = CallContext> = (
  requests: AsyncIterable<Request>,
  call: Context,
) => AsyncIterable<Response>;

/**
 * The handlers of a service by method, as its definition names them; a method without one answers
 * UNIMPLEMENTED. A door whose handlers need more than {@link CallContext} passes them a context of its own.
 */
export type Handlers<Definition, Context = CallContext> = {
  readonly [Method in keyof Definition]?: HandlerOf<Definition[Method], Context>;
};

type HandlerOf<Method, Context> = Method extends {
  readonly requestStream: infer RequestStream;
  readonly responseStream: infer ResponseStream;
  readonly requestDeserialize: (bytes: Buffer) => infer Request;
  readonly responseSerialize: (message: infer Response) => Buffer;
}
  ? RequestStream extends true
    ? ResponseStream extends true
      ? BidiHandler<Request, Response, Context>
      : ClientStreamHandler<Request, Response, Context>
    : ResponseStream extends true
      ? ServerStreamHandler<Request, Response, Context>
      : UnaryHandler<Request, Response, Context>
  : never;
