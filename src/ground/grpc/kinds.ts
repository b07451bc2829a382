import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import type {
  MethodDefinition,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { raceAbort } from "../sync/index.ts";
import type { Calls } from "./calls.ts";
import type { CallContext } from "./handlers.ts";
import type { Method } from "./observer.ts";
import type { SentMemory } from "./sent-memory.ts";

/** A handler of any kind; its method's definition determines which. */
export type AnyHandler = (input: unknown, call: CallContext) => unknown;

type OneAnswer = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;
type ManyAnswers = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/**
 * The function that grpc-js calls for a method of any of gRPC's four kinds: one or many messages in, one or
 * many out.
 */
export function serving(
  {
    requestStream,
    responseStream,
    oneByOne,
  }: Pick<MethodDefinition<unknown, unknown>, "requestStream" | "responseStream"> & {
    /** For a handler whose messages are each sent before the next is requested. */
    readonly oneByOne: SentMemory | undefined;
  },
  method: Method,
  handler: AnyHandler,
  calls: Calls,
): UntypedHandleCall {
  const inputOf = (call: OneAnswer | ManyAnswers, { signal }: CallContext): unknown =>
    requestStream
      ? messagesOf(call as ServerReadableStream<unknown, unknown>, signal)
      : (call as ServerUnaryCall<unknown, unknown>).request;

  const answerOnce = (call: OneAnswer, callback: sendUnaryData<unknown>): void =>
    calls.run({
      method,
      call,
      serve: async (context) => {
        const response = await handler(inputOf(call, context), context);
        if (!call.cancelled) callback(null, response);
      },
      fail: (status) => callback(status),
    });

  const answerMany = (call: ManyAnswers): void =>
    calls.run({
      method,
      call,
      serve: async (context) => {
        const messages = handler(inputOf(call, context), context) as AsyncIterable<unknown>;
        for await (const message of messages) {
          context.signal.throwIfAborted();
          if (oneByOne !== undefined) {
            await written(call, message, context.signal);
            oneByOne.free(message);
          } else if (!call.write(message)) await once(call, "drain", { signal: context.signal });
        }
        context.signal.throwIfAborted();
        call.end();
      },
      fail: (status) => call.emit("error", status),
    });

  return responseStream ? answerMany : answerOnce;
}

/**
 * Resolves when a message is encoded and written to the socket. Throws the signal's reason, or the failure.
 */
async function written(call: ManyAnswers, message: unknown, signal: AbortSignal): Promise<void> {
  const done = Promise.withResolvers<void>();
  call.write(message, (error: Error | null | undefined) => (error ? done.reject(error) : done.resolve()));
  // A canceled call gets no status.
  await raceAbort(done.promise, signal);
}

/** The client's messages, read one after the other on demand. Throws the signal's reason. */
async function* messagesOf(
  call: ServerReadableStream<unknown, unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  // A bidirectional stream stays open when nobody reads its requests any more.
  const messages = call.iterator({ destroyOnReturn: false });
  while (true) {
    const next = await raceAbort(messages.next(), signal).catch((error: unknown) => {
      // When a client goes away, grpc-js destroys its stream at the same time.
      signal.throwIfAborted();
      throw error;
    });
    if (next.done === true) {
      await resetTold(signal);
      return;
    }
    yield next.value;
  }
}

/**
 * grpc-js (1.14.7) ends a stream that the client reset like one that the client ended, and reports the
 * cancellation two turns of the event loop later: the messages so far may be incomplete. Throws the signal's
 * reason.
 */
async function resetTold(signal: AbortSignal): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  signal.throwIfAborted();
}
