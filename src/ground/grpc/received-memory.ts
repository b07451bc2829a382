import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";

/** Pieces of smaller messages are left where they are. */
const largeBytes = 64 * 1024;

/** What is looked at of grpc-js's decoder (1.14.7), of which each call has one. */
type Decoding = {
  readonly readMessageSize: number;
  /** What has come of a message that is not whole yet. */
  readPartialMessage: Buffer[];
};

const decode = StreamDecoder.prototype.write;
const memories = new WeakMap<StreamDecoder, Buffer>();

/**
 * Gathers what has come of a large message in memory that its call uses again, for all that grpc-js receives.
 * Otherwise everything that Node has read from the socket is held until the message is whole: V8 finds it in
 * use when it looks through young objects, counts it among the old ones, and looks through its whole heap
 * again and again to be rid of it.
 */
export function gatherLargeMessages(): void {
  StreamDecoder.prototype.write = write;
}

function write(this: StreamDecoder, data: Buffer): Buffer[] {
  const messages = decode.call(this, data);
  const decoding = this as unknown as Decoding;
  const { readPartialMessage: pieces, readMessageSize: size } = decoding;
  // The pieces of a message that is whole are left in the field until the next one begins.
  if (size < largeBytes || messages.length > 0) return messages;
  let memory = memories.get(this);
  if (memory === undefined || memory.length < size) {
    memory = Buffer.allocUnsafeSlow(size);
    memories.set(this, memory);
  }
  let gathered = 0;
  for (const piece of pieces) {
    if (piece.buffer !== memory.buffer) memory.set(piece, gathered);
    gathered += piece.length;
  }
  decoding.readPartialMessage = [memory.subarray(0, gathered)];
  return messages;
}
