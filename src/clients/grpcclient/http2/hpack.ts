import { Http2ProtocolError } from "./frames.ts";
import { huffmanDecoded } from "./huffman.ts";
import { staticTable } from "./static-table.ts";

type Field = readonly [name: string, value: string];

/** The default SETTINGS_HEADER_TABLE_SIZE. */
const maxTableBytes = 4096;
/** Overhead of an entry (RFC 7541, section 4.1). */
const entryBytes = 32;

/** Encodes a request's header fields literally: a table does not pay off for a few requests. */
export function encodedHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  // Pseudo-header fields come first (RFC 9113, section 8.3).
  const isPseudo = ([name]: readonly [string, string]) => name.startsWith(":");
  const fields = Object.entries(headers);
  for (const [name, value] of [...fields.filter(isPseudo), ...fields.filter((field) => !isPseudo(field))])
    parts.push(Buffer.of(0), text(name), text(value));
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([encodedLength(bytes.length), bytes]);
}

/** RFC 7541, section 5.1, with a prefix of seven bits. */
function encodedLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** Decodes the header blocks of one connection, in order, with their shared table. */
export class HeaderDecoder {
  /** The newest first. */
  #table: Field[] = [];
  #limitBytes = maxTableBytes;

  /** Throws Http2ProtocolError. */
  decode(block: Buffer): readonly Field[] {
    const fields: Field[] = [];
    const reader = new BlockReader(block);
    while (!reader.atEnd) {
      const first = reader.peek();
      if (first & 0x80) fields.push(this.#entry(reader.integer(7)));
      else if (first & 0x40) fields.push(this.#remember(this.#literal(reader, 6)));
      else if (first & 0x20) this.#resize(reader.integer(5));
      else fields.push(this.#literal(reader, 4));
    }
    return fields;
  }

  #literal(reader: BlockReader, prefixBits: number): Field {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.#entry(index)[0];
    return [name, reader.text()];
  }

  #entry(index: number): Field {
    const entry =
      index <= staticTable.length ? staticTable[index - 1] : this.#table[index - staticTable.length - 1];
    if (entry === undefined) throw new Http2ProtocolError(`no header field has the number ${index}`);
    return entry;
  }

  #remember(field: Field): Field {
    this.#table.unshift(field);
    this.#evict();
    return field;
  }

  #resize(limitBytes: number): void {
    if (limitBytes > maxTableBytes)
      throw new Http2ProtocolError(`a table of ${limitBytes} bytes for headers`);
    this.#limitBytes = limitBytes;
    this.#evict();
  }

  #evict(): void {
    let bytes = 0;
    const kept = this.#table.findIndex(([name, value]) => {
      bytes += name.length + value.length + entryBytes;
      return bytes > this.#limitBytes;
    });
    if (kept !== -1) this.#table = this.#table.slice(0, kept);
  }
}

class BlockReader {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new Http2ProtocolError("headers are truncated");
    return byte;
  }

  integer(prefixBits: number): number {
    const limit = 2 ** prefixBits - 1;
    let value = this.#next() & limit;
    if (value < limit) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#next();
      value += (byte & 0x7f) * factor;
      if (value > 2 ** 31) throw new Http2ProtocolError("headers with a number that is too large");
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const isCoded = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const bytes = this.#block.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new Http2ProtocolError("headers are truncated");
    this.#at += length;
    const plain = isCoded ? huffmanDecoded(bytes) : bytes;
    if (plain === undefined) throw new Http2ProtocolError("headers that are not encoded correctly");
    return plain.toString("latin1");
  }

  #next(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }
}
