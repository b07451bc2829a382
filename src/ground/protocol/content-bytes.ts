import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  ContentService as generated,
  type ReadContentResponse,
  WriteContentRequest,
} from "./generated/containerd/services/content/v1/content.ts";

/**
 * Numbers of the fields `data` of a request, and `offset` and `data` of a response
 * (services/content/v1/content.proto).
 */
const [writtenData, readOffset, readData] = [6, 1, 2];

/**
 * containerd's content service, with messages that are encoded and decoded without copying the bytes of
 * blobs; the generated code copies them twice.
 */
export const ContentService = {
  ...generated,
  read: { ...generated.read, responseSerialize: encodeRead },
  write: { ...generated.write, requestDeserialize: decodeWrite },
} as const;

function encodeRead({ offset, data }: ReadContentResponse): Buffer {
  const head = new BinaryWriter();
  if (offset !== 0n) head.tag(readOffset, WireType.Varint).int64(offset);
  if (data.length > 0) head.tag(readData, WireType.LengthDelimited).uint32(data.length);
  return new Parts([head.finish(), data]) as unknown as Buffer;
}

/**
 * Bytes in parts, with the two properties of a Buffer that the server uses for a message: it asks for their
 * number, and copies them behind a header of its own. So they are copied only once.
 */
class Parts {
  readonly byteLength: number;
  readonly #parts: readonly Uint8Array[];

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
    this.byteLength = parts.reduce((sum, { length }) => sum + length, 0);
  }

  copy(target: Uint8Array, at: number): number {
    let next = at;
    for (const part of this.#parts) {
      target.set(part, next);
      next += part.length;
    }
    return this.byteLength;
  }
}

/** `data` of the result is a view of the received bytes. */
function decodeWrite(bytes: Buffer): WriteContentRequest {
  const reader = new BinaryReader(bytes);
  const others: Buffer[] = [];
  let data = Buffer.alloc(0);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    if (field === writtenData && wireType === WireType.LengthDelimited) {
      const view = reader.bytes();
      data = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.length);
    } else {
      reader.skip(wireType, field);
      others.push(bytes.subarray(start, reader.pos));
    }
  }
  return { ...WriteContentRequest.decode(Buffer.concat(others)), data };
}
