import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";
import { collectGarbage } from "../heap/index.ts";

/** Smaller messages are not gathered. */
const largeBytes = 64 * 1024;
/** How much may be received between collections of young objects: less than V8 lets its heap grow by. */
const collectedBytes = 4 * 1024 * 1024;

/** The used parts of grpc-js's decoder (1.14.7), of which each call has one. */
type Decoding = {
  readonly readMessageSize: number;
  /** Received pieces of an incomplete message. */
  readPartialMessage: Buffer[];
};

type Decoder = { readonly prototype: { write(data: Buffer): Buffer[] } };

/**
 * Copies the pieces of a large message to memory that its call reuses, for everything that grpc-js receives.
 * Otherwise all buffers that Node has read from the socket are kept until the message is complete: V8
 * promotes them to old objects, and then collects its whole heap again and again to free them. Does nothing
 * if a decoder stores pieces in another way.
 *
 * What has been looked at is given back by `collectYoung` after every few MiB: hardly anything is on the heap
 * then, so that V8 would not do so by itself, but it counts memory outside of its heap as growth, and would
 * look through the whole of it instead, which took more of the processor's time than all else of a write.
 */
export function gatherLargeMessages(
  decoder: Decoder = StreamDecoder,
  collectYoung: () => void = () => collectGarbage("young"),
): void {
  const { prototype } = decoder;
  if (gathering.has(prototype.write)) return;
  const decode = prototype.write;
  const memories = new WeakMap<object, Buffer>();
  let uncollectedBytes = 0;
  prototype.write = function write(data) {
    uncollectedBytes += data.length;
    if (uncollectedBytes >= collectedBytes) {
      uncollectedBytes = 0;
      collectYoung();
    }
    const messages = decode.call(this, data);
    // The pieces of a complete message stay in the field until the next one begins.
    if (messages.length === 0 && isDecoding(this)) gather(this, memories);
    return messages;
  };
  gathering.add(prototype.write);
}

/** Replacements for decoders' own arrays. */
const gathering = new WeakSet<object>();

function isDecoding(decoder: object): decoder is Decoding {
  const { readMessageSize: size, readPartialMessage: pieces } = decoder as Partial<Decoding>;
  return Number.isSafeInteger(size) && Array.isArray(pieces) && pieces.every(Buffer.isBuffer);
}

function gather(decoding: Decoding, memories: WeakMap<object, Buffer>): void {
  const { readPartialMessage: pieces, readMessageSize: size } = decoding;
  const had = pieces.reduce((sum, { length }) => sum + length, 0);
  if (size < largeBytes || had > size) return;
  let memory = memories.get(decoding);
  if (memory === undefined || memory.length < size) {
    memory = Buffer.allocUnsafeSlow(size);
    memories.set(decoding, memory);
  }
  let gathered = 0;
  for (const piece of pieces) {
    if (piece.buffer !== memory.buffer) memory.set(piece, gathered);
    gathered += piece.length;
  }
  decoding.readPartialMessage = [memory.subarray(0, gathered)];
}
