import type { ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { containerd } from "../../src/ground/protocol/index.ts";
import type { ContainerdClients } from "./containerd.ts";

type Any = containerd.types.Any;
type Duplex = ClientDuplexStream<Any, Any>;

/** A client's end of a stream of containerd's Streaming service. */
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

  /** The next message; undefined when the daemon has ended the stream. */
  async receive(): Promise<Any | undefined> {
    const { value, done } = await this.#answers.next();
    return done === true ? undefined : value;
  }

  send(message: Any): void {
    this.#raw.write(message);
  }

  /** Ends the client's side. */
  end(): void {
    this.#raw.end();
  }

  /** Progress of a transfer, until its end: each event with its subject. */
  async progress(): Promise<readonly string[]> {
    const { Progress } = containerd.transferProgress;
    const told: string[] = [];
    for (let message = await this.receive(); message !== undefined; message = await this.receive()) {
      const { event, name } = Progress.decode(message.value);
      told.push(`${event} ${name}`.trim());
    }
    return told;
  }

  /** All bytes of an export, granting room for them as containerd's clients do. */
  bytes(windowBytes = 64 * 1024): Promise<Buffer> {
    return this.receiveBytes(Number.POSITIVE_INFINITY, windowBytes);
  }

  /** The same for at least that many bytes, if there are as many. */
  async receiveBytes(enough: number, windowBytes = 64 * 1024): Promise<Buffer> {
    const { Data, WindowUpdate } = containerd.transferStreams;
    const grant = () =>
      this.send(packed("containerd.types.transfer.WindowUpdate", WindowUpdate, { update: windowBytes }));
    const pieces: Buffer[] = [];
    let [received, room] = [0, windowBytes];
    grant();
    while (received < enough) {
      const message = await this.receive();
      if (message === undefined) break;
      const { data } = Data.decode(message.value);
      pieces.push(data);
      received += data.length;
      room -= data.length;
      if (room >= windowBytes) continue;
      grant();
      room += windowBytes;
    }
    return Buffer.concat(pieces);
  }

  /** Sends bytes when there is room for them, and then ends the client's side. */
  async sendBytes(bytes: Buffer): Promise<void> {
    await this.sendPart(bytes);
    this.end();
  }

  /** The same without ending the client's side. */
  async sendPart(bytes: Buffer, pieceBytes = 32 * 1024): Promise<void> {
    const { Data, WindowUpdate } = containerd.transferStreams;
    let room = 0;
    for (let offset = 0; offset < bytes.length; ) {
      while (room === 0) {
        const granted = await this.receive();
        if (granted === undefined)
          throw new Error("the daemon has ended the stream that it wanted bytes through");
        room += WindowUpdate.decode(granted.value).update;
      }
      const data = bytes.subarray(offset, offset + Math.min(room, pieceBytes));
      this.send(packed("containerd.types.transfer.Data", Data, { data }));
      room -= data.length;
      offset += data.length;
    }
  }

  /** The client disconnects, if the stream has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#raw.cancel();
    await Promise.resolve(this.#answers.return?.()).catch(() => undefined);
  }
}

/** Opens a stream; rejects with the daemon's error. `first` is the first message, by default a StreamInit. */
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

/** A registry as source or destination of a transfer. */
export function registry(
  reference: string,
  resolver: Parameters<typeof containerd.transferRegistries.RegistryResolver.fromPartial>[0] = {},
): Any {
  const { OCIRegistry } = containerd.transferRegistries;
  return packed(
    "containerd.types.transfer.OCIRegistry",
    OCIRegistry,
    OCIRegistry.fromPartial({ reference, resolver }),
  );
}

/** An archive that is received through a stream. */
export function archiveFrom(stream: string, more: { readonly forceCompress?: boolean } = {}): Any {
  const { ImageImportStream } = containerd.transferArchives;
  const message = ImageImportStream.fromPartial({ stream, ...more });
  return packed("containerd.types.transfer.ImageImportStream", ImageImportStream, message);
}

/** An archive that is sent through a stream. */
export function archiveTo(
  stream: string,
  more: Parameters<typeof containerd.transferArchives.ImageExportStream.fromPartial>[0] = {},
): Any {
  const { ImageExportStream } = containerd.transferArchives;
  const message = ImageExportStream.fromPartial({ stream, ...more });
  return packed("containerd.types.transfer.ImageExportStream", ImageExportStream, message);
}

export function packed<Message>(
  typeUrl: string,
  codec: { readonly encode: (message: Message) => { readonly finish: () => Uint8Array } },
  message: Message,
): Any {
  return { typeUrl, value: Buffer.from(codec.encode(message).finish()) };
}
