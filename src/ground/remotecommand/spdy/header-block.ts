import { protocolError } from "./errors.ts";
import type { SpdyHeaders } from "./frames.ts";

/**
 * Encodes an uncompressed name/value header block (SPDY draft 3.1, section 2.6.10): a 32-bit count, then the
 * name and value of each pair, each after its 32-bit length.
 */
export function encodeHeaderBlock(headers: SpdyHeaders): Buffer {
  const parts: Buffer[] = [uint32(headers.size)];
  for (const [name, value] of headers) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text, "utf8");
      parts.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/**
 * Throws SpdyError InvalidArgument for wrong lengths, for empty, upper-case or repeated names, and for too
 * many pairs.
 */
export function decodeHeaderBlock(block: Buffer, maxHeaders: number): SpdyHeaders {
  const reader = new BlockReader(block);
  const count = reader.uint32();
  if (count > maxHeaders)
    throw protocolError(`header block with ${count} names, at most ${maxHeaders} are allowed`);
  const headers = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = reader.text();
    if (name === "" || name !== name.toLowerCase())
      throw protocolError("header name is empty or not lower-case");
    if (headers.has(name)) throw protocolError(`header ${JSON.stringify(name)} occurs twice`);
    headers.set(name, reader.text());
  }
  if (!reader.atEnd) throw protocolError("header block is longer than its pairs");
  return headers;
}

class BlockReader {
  readonly #block: Buffer;
  #offset = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#offset === this.#block.length;
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  text(): string {
    return this.#take(this.uint32()).toString("utf8");
  }

  #take(bytes: number): Buffer {
    if (bytes > this.#block.length - this.#offset) throw protocolError("header block is cut short");
    this.#offset += bytes;
    return this.#block.subarray(this.#offset - bytes, this.#offset);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
