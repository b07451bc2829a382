const flag = { headerChecksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;

const fixedBytes = 10;

/** Length of a gzip member's header (RFC 1952, 2.3); undefined if more bytes are needed. */
export function gzipHeaderBytes(bytes: Buffer): number | "invalid" | undefined {
  const magic = [0x1f, 0x8b, 8];
  if (magic.some((byte, index) => index < bytes.length && bytes[index] !== byte)) return "invalid";
  if (bytes.length < fixedBytes) return undefined;
  const flags = bytes[3] ?? 0;
  if ((flags & flag.reserved) !== 0) return "invalid";
  let at = fixedBytes;
  if ((flags & flag.extra) !== 0) {
    if (bytes.length < at + 2) return undefined;
    at += 2 + bytes.readUInt16LE(at);
  }
  for (const text of [flag.name, flag.comment]) {
    if ((flags & text) === 0) continue;
    const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
    if (end === -1) return undefined;
    at = end + 1;
  }
  if ((flags & flag.headerChecksum) !== 0) at += 2;
  return at <= bytes.length ? at : undefined;
}
