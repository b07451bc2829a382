import { promisify } from "node:util";
import { GrpcError } from "./errors.ts";

/** One byte for compression, four for the message's length. */
const prefixBytes = 5;

/** Node may share smaller memory among several buffers. */
const ownMemoryBytes = 256 * 1024;

/** A message as it came. */
export type ReceivedMessage = { readonly bytes: Buffer; readonly isCompressed: boolean };

/** An encoded message: its size, and its bytes, which may be in parts, copied to where they are sent from. */
export type EncodedMessage = {
  readonly byteLength: number;
  copy(target: Uint8Array, targetStart: number): number;
};

/** A message with its prefix, uncompressed. A large one has memory of its own, see {@link freeMemory}. */
export function prefixed(message: EncodedMessage): Buffer {
  const size = prefixBytes + message.byteLength;
  const framed = size < ownMemoryBytes ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  message.copy(framed, prefixBytes);
  return framed;
}

/**
 * Frees the memory of a large {@link prefixed} message that has been written, instead of leaving it to the
 * garbage collector: with a stream of large messages, V8 collects its whole heap again and again, which took
 * more CPU time than sending them. After a failure, the kernel may still be reading it.
 */
export function freeMemory(framed: Buffer): void {
  if (framed.byteLength >= ownMemoryBytes && framed.buffer instanceof ArrayBuffer) framed.buffer.transfer(0);
}

/** Finds the messages in the bytes of one call, which may be cut anywhere. */
export class MessageDecoder {
  readonly #maxBytes: number;
  readonly #prefix = { bytes: 0, isCompressed: false, length: 0 };
  /** Memory for a message that came in part, and how much of it is filled. */
  #partial: Buffer | undefined;
  #filled = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the bytes so far end within a message. */
  get isWithin(): boolean {
    return this.#prefix.bytes > 0;
  }

  /**
   * The messages that these bytes complete. They may be views of the bytes. Throws GrpcError
   * ResourceExhausted for a message that is too large, before it is received.
   */
  messagesIn(chunk: Buffer): readonly ReceivedMessage[] {
    const messages: ReceivedMessage[] = [];
    let at = 0;
    while (true) {
      at = this.#readPrefix(chunk, at);
      if (this.#prefix.bytes < prefixBytes) return messages;
      const { length, isCompressed } = this.#prefix;
      const missing = length - this.#filled;
      const piece = chunk.subarray(at, at + missing);
      at += piece.length;
      if (this.#partial === undefined && piece.length < length)
        this.#partial = Buffer.allocUnsafeSlow(length);
      this.#partial?.set(piece, this.#filled);
      this.#filled += piece.length;
      if (piece.length < missing) return messages;
      messages.push({ bytes: this.#partial ?? piece, isCompressed });
      this.#partial = undefined;
      this.#filled = 0;
      this.#prefix.bytes = 0;
    }
  }

  #readPrefix(chunk: Buffer, start: number): number {
    const prefix = this.#prefix;
    let at = start;
    for (; prefix.bytes < prefixBytes && at < chunk.length; at++, prefix.bytes++) {
      const byte = chunk[at] ?? 0;
      if (prefix.bytes === 0) {
        prefix.isCompressed = byte !== 0;
        prefix.length = 0;
      } else prefix.length = prefix.length * 256 + byte;
    }
    if (prefix.bytes === prefixBytes && prefix.length > this.#maxBytes) throw tooLarge(this.#maxBytes);
    return at;
  }
}

/**
 * A message's bytes, decompressed. `encoding` is the header `grpc-encoding`. Throws GrpcError Unimplemented
 * for an unknown encoding, Internal for none and for bytes that are not in it, ResourceExhausted for a
 * message that is too large.
 */
export async function decompressed(
  { bytes, isCompressed }: ReceivedMessage,
  encoding: string,
  maxBytes: number,
): Promise<Buffer> {
  if (!isCompressed) return bytes;
  if (encoding === "identity")
    throw new GrpcError(
      "Internal",
      "the request is marked as compressed, but grpc-encoding does not say how",
    );
  const zlib = await import("node:zlib");
  const decompress = encoding === "gzip" ? zlib.gunzip : zlib.inflate;
  if (encoding !== "gzip" && encoding !== "deflate") {
    throw new GrpcError(
      "Unimplemented",
      `the request is compressed with ${JSON.stringify(encoding)}; gzip and deflate are supported`,
    );
  }
  try {
    return await promisify<Buffer, { maxOutputLength: number }, Buffer>(decompress)(bytes, {
      maxOutputLength: maxBytes,
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw new GrpcError("Internal", `the request is not valid ${encoding}`, { cause });
  }
}

function tooLarge(maxBytes: number): GrpcError {
  return new GrpcError("ResourceExhausted", `the request has a message of more than ${maxBytes} bytes`);
}
