import type { ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { containerd } from "../../src/ground/protocol/index.ts";
import type { ContainerdClients } from "./containerd.ts";

type Any = containerd.types.Any;
type Duplex = ClientDuplexStream<Any, Any>;

/** A stream of containerd's Streaming service, as its client has it. */
export class TestStream implements AsyncDisposable {
  /** The type of the first answer. */
  readonly acknowledged: string;
  readonly #raw: Duplex;
  readonly #answers: AsyncIterator<Any>;

  constructor(raw: Duplex, answers: AsyncIterator<Any>, acknowledged: string) {
    this.#raw = raw;
    this.#answers = answers;
    this.acknowledged = acknowledged;
  }

  /** The client goes away, if the stream has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#raw.cancel();
    await Promise.resolve(this.#answers.return?.()).catch(() => undefined);
  }
}

/** Opens a stream; rejects with what the daemon refuses it with. `first` is what is said first, a StreamInit unless given. */
export async function openStream(
  clients: ContainerdClients,
  namespace: string,
  id: string,
  first: Any = packed("containerd.services.streaming.v1.StreamInit", containerd.streamingV1.StreamInit, {
    id,
  }),
): Promise<TestStream> {
  const { raw, metadata } = clients.in(namespace);
  const stream = (raw.streaming.stream as (metadata: Metadata) => Duplex).call(raw.streaming, metadata);
  stream.write(first);
  const answers = stream[Symbol.asyncIterator]();
  const { value, done } = await answers.next();
  if (done === true) throw new Error("the stream ended without an answer");
  return new TestStream(stream, answers, value.typeUrl);
}

/** Names of images as source or destination of a transfer. */
export function imageStore(
  store: Parameters<typeof containerd.transferImages.ImageStore.fromPartial>[0],
): Any {
  const { ImageStore } = containerd.transferImages;
  return packed("containerd.types.transfer.ImageStore", ImageStore, ImageStore.fromPartial(store));
}

function packed<Message>(
  typeUrl: string,
  codec: { readonly encode: (message: Message) => { readonly finish: () => Uint8Array } },
  message: Message,
): Any {
  return { typeUrl, value: Buffer.from(codec.encode(message).finish()) };
}
