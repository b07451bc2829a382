import type { MethodDefinition } from "@grpc/grpc-js";
import { GrpcError } from "./errors.ts";
import type { CallContext } from "./handlers.ts";
import type { ServerCall } from "./server-call.ts";

/** A handler of any kind; its method's definition determines which. */
export type AnyHandler = (input: unknown, call: CallContext) => unknown;

/** Reads a call's requests, has them handled, and sends the answers. Throws what the handler throws. */
export type Serve = (call: ServerCall, context: CallContext) => Promise<void>;

type Kind = Pick<
  MethodDefinition<unknown, unknown>,
  "requestStream" | "responseStream" | "requestDeserialize" | "responseSerialize"
> & {
  /** Each message is sent before the next is requested. */
  readonly oneByOne: boolean;
};

/** Serves a method of any of gRPC's four kinds: one or many messages in, one or many out. */
export function serving(
  { requestStream, responseStream, requestDeserialize, responseSerialize, oneByOne }: Kind,
  handler: AnyHandler,
): Serve {
  const inputOf = async (call: ServerCall): Promise<unknown> =>
    requestStream
      ? messagesOf(call, requestDeserialize)
      : decoded(await call.onlyRequest(), requestDeserialize);

  const answerOnce: Serve = async (call, context) => {
    const answer = await handler(await inputOf(call), context);
    call.answer(responseSerialize(answer));
  };

  const answerMany: Serve = async (call, context) => {
    const messages = handler(await inputOf(call), context) as AsyncIterable<unknown>;
    for await (const message of messages) {
      const encoded = responseSerialize(message);
      await (oneByOne ? call.sendWhole(encoded) : call.send(encoded));
    }
    context.signal.throwIfAborted();
    call.end();
  };

  return responseStream ? answerMany : answerOnce;
}

type Deserialize = MethodDefinition<unknown, unknown>["requestDeserialize"];

/** The client's messages, read one after the other on demand. Throws the signal's reason. */
async function* messagesOf(call: ServerCall, deserialize: Deserialize): AsyncGenerator<unknown> {
  while (true) {
    const message = await call.nextRequest();
    if (message === undefined) return;
    yield decoded(message, deserialize);
  }
}

function decoded(message: Buffer, deserialize: Deserialize): unknown {
  try {
    return deserialize(message);
  } catch (cause) {
    throw new GrpcError("Internal", "the request cannot be decoded", { cause });
  }
}
