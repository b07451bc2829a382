import { GrpcCallError } from "./errors.ts";

/** One byte for compression, four for the message's length. */
const prefixBytes = 5;

/** A message with its prefix, uncompressed. */
export function prefixed(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed.writeUInt8(0, 0);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/**
 * The messages in a stream of bytes, which may be cut anywhere. Throws GrpcCallError ResourceExhausted for
 * one that is longer than `maxBytes`, before it is read, and Internal for bytes that are no messages.
 */
export async function* messagesIn(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<Buffer, void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let neededBytes = prefixBytes;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.length;
    while (heldBytes >= neededBytes) {
      const bytes = joined(held);
      const end = prefixBytes + lengthOf(bytes, maxBytes);
      const isWhole = bytes.length >= end;
      const rest = isWhole ? bytes.subarray(end) : bytes;
      held = rest.length === 0 ? [] : [rest];
      heldBytes = rest.length;
      neededBytes = isWhole ? prefixBytes : end;
      if (isWhole) yield bytes.subarray(prefixBytes, end);
    }
  }
  if (heldBytes > 0) throw new GrpcCallError("Internal", "the response ends in the middle of a message");
}

function lengthOf(bytes: Buffer, maxBytes: number): number {
  if (bytes.readUInt8(0) !== 0)
    throw new GrpcCallError("Internal", "the response is compressed, although the request did not allow it");
  const length = bytes.readUInt32BE(1);
  if (length > maxBytes) {
    throw new GrpcCallError(
      "ResourceExhausted",
      `the response has a message of ${length} bytes; at most ${maxBytes} are accepted`,
    );
  }
  return length;
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
