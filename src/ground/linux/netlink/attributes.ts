/**
 * Netlink attributes (netlink(7)): a length and a type of two bytes each, then the value, padded to four
 * bytes. A value may be a list of attributes. Numbers are in the machine's order (little-endian on every
 * machine that Node 26 runs on), but for those that netfilter wants in the network's.
 */

const headerBytes = 4;

/** Says that the value is a list of attributes. */
const NLA_F_NESTED = 0x8000;
const typeMask = 0x3fff;

export function attribute(type: number, value: Uint8Array): Buffer {
  const length = headerBytes + value.length;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, headerBytes);
  return bytes;
}

export function nested(type: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(attributes));
}

export function u8(type: number, value: number): Buffer {
  return attribute(type, Buffer.of(value));
}

export function u32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

/** In the network's byte order. A negative number is taken as its two's complement. */
export function networkU32(type: number, value: number): Buffer {
  return attribute(type, networkBytes(value));
}

/** Four bytes in the network's order. */
export function networkBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** With the NUL that the kernel wants at the end. */
export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** The values of a message's attributes by their types; of two of one type the last. */
export function readAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  return new Map(listAttributes(bytes));
}

/** The same in order, for lists whose entries are all of one type. */
export function listAttributes(bytes: Buffer): readonly (readonly [type: number, value: Buffer])[] {
  const found: (readonly [number, Buffer])[] = [];
  for (let start = 0; start + headerBytes <= bytes.length; ) {
    const length = bytes.readUInt16LE(start);
    if (length < headerBytes) break;
    found.push([
      bytes.readUInt16LE(start + 2) & typeMask,
      bytes.subarray(start + headerBytes, start + length),
    ]);
    start += aligned(length);
  }
  return found;
}

/** The text of an attribute, up to its NUL. */
export function readText(value: Buffer | undefined): string {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end === -1 ? value.length : end);
}

/** Messages and attributes begin at multiples of four bytes. */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}
