import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { ofType } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { ClientStream } from "./streams.ts";

type StreamingHandlers = Handlers<typeof containerd.streamingV1.StreamingService, ContainerdCall>;

const { StreamInit } = containerd.streamingV1;
/**
 * The message that tells a client that its stream is registered, and that it can make the call that uses it.
 */
const registered = { typeUrl: "google.protobuf.Empty", value: Buffer.alloc(0) };

/** The service Streaming: streams that clients open for other calls, under ids that they choose. */
export function streamingHandlers({ streams }: ServiceOptions): StreamingHandlers {
  return {
    async *stream(requests, { namespace, signal }) {
      const { name } = await namespace();
      const incoming = requests[Symbol.asyncIterator]();
      const first = await incoming.next();
      if (first.done === true) return;
      const { id } = ofType(first.value, "containerd.services.streaming.v1.StreamInit", StreamInit);
      if (id === "") throw new ContainerdError("InvalidArgument", "StreamInit.id: the stream has no id");
      using stream = new ClientStream(incoming, signal);
      using _registered = streams.register(name, id, stream);
      yield registered;
      yield* stream.messages();
    },
  };
}
