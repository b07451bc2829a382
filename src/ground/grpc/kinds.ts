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

/** A handler of whichever kind, which its method's definition tells. */
export type AnyHandler = (input: unknown, call: CallContext) => unknown;

type OneAnswer = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;
type ManyAnswers = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** What grpc-js calls for a method of any of gRPC's four kinds: one or many messages in, one or many out. */
export function serving(
  {
    requestStream,
    responseStream,
    oneByOne,
  }: Pick<MethodDefinition<unknown, unknown>, "requestStream" | "responseStream"> & {
    /** Of a handler whose answers are sent before it is asked for the next. */
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

/** Resolves when a message is coded and the kernel has it. Throws the signal's reason, or why it failed. */
async function written(call: ManyAnswers, message: unknown, signal: AbortSignal): Promise<void> {
  const done = Promise.withResolvers<void>();
  call.write(message, (error: Error | null | undefined) => (error ? done.reject(error) : done.resolve()));
  // Of a call that is cancelled nobody is told.
  await raceAbort(done.promise, signal);
}

/**
 * What the client sends, one message after the other, as fast as they are asked for. Throws the signal's
 * reason.
 */
async function* messagesOf(
  call: ServerReadableStream<unknown, unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  // A stream that takes the answers too lives on when nobody reads its requests any more.
  const messages = call.iterator({ destroyOnReturn: false });
  while (true) {
    const next = await raceAbort(messages.next(), signal).catch((error: unknown) => {
      // grpc-js destroys the stream of a client that has gone away, in the same moment.
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
 * grpc-js (1.14.7) ends a stream that the client has reset as one that the client has ended, and says two
 * turns of the event loop later that the call is cancelled. What has come of it is not all. Throws the
 * signal's reason.
 */
async function resetTold(signal: AbortSignal): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  signal.throwIfAborted();
}
