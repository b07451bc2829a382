import type { handleServerStreamingCall, handleUnaryCall } from "@grpc/grpc-js";
import type { ImageServiceServer, RuntimeServiceServer } from "../protocol/index.ts";
import type { RequestCheck } from "./validate/index.ts";

/** What a handler knows of its call besides the request. */
export type CallContext = {
  /** Aborts when the client goes away, its deadline passes or the server stops; the reason is a CriError. */
  readonly signal: AbortSignal;
  /** Who the client says it is (gRPC metadata `berth-owner`); "" for a kubelet, which says nothing. */
  readonly owner: string;
};

/** Answers a call with one message, or throws. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: CallContext,
) => Response | Promise<Response>;

/** Answers a call with the messages it yields; it is resumed when the client has taken them. */
export type StreamHandler<Request, Response> = (
  request: Request,
  call: CallContext,
) => AsyncIterable<Response>;

/** The handlers of a service by method name; a method without one answers UNIMPLEMENTED. */
export type Handlers<Server> = { readonly [Method in MethodsOf<Server>]?: HandlerOf<Server[Method]> };

export type RuntimeHandlers = Handlers<RuntimeServiceServer>;
export type ImageHandlers = Handlers<ImageServiceServer>;

/** Puts a request's check in front of a unary handler. */
export function checked<Request, Checked extends Request, Response>(
  check: RequestCheck<Request, Checked>,
  handler: UnaryHandler<Checked, Response>,
): UnaryHandler<Request, Response> {
  return (request, call) => handler(check(request), call);
}

type HandlerOf<Method> =
  Method extends handleUnaryCall<infer Request, infer Response>
    ? UnaryHandler<Request, Response>
    : Method extends handleServerStreamingCall<infer Request, infer Response>
      ? StreamHandler<Request, Response>
      : never;

/** Generated interfaces of servers have an index signature besides their methods. */
type MethodsOf<Server> = keyof { [K in keyof Server as string extends K ? never : K]: true } & keyof Server;
