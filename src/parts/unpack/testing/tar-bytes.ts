/** The fields of an entry that matter to a test; the others have plain defaults. Names are byte strings. */
export type TestEntry = {
  readonly name: string;
  /**
   * The header's type: `0` file (default), `1` hard link, `2` symbolic link, `3` and `4` devices, `5`
   * directory, `6` fifo.
   */
  readonly type?: string;
  readonly data?: string | Uint8Array;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Records of a PAX header before the entry. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
};

/** An archive of these entries, with GNU tar's long names, and with its end. */
export function tarOf(...entries: readonly TestEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(1024)]);
}

/** One entry, without the end of the archive. */
export function entryBytes(entry: TestEntry): Buffer {
  const data = Buffer.from(entry.data ?? "");
  const parts = [headerBytes(entry, data.length), padded(data)];
  if (entry.pax !== undefined) parts.unshift(extension("x", paxBytes(entry.pax)));
  if (entry.name.length > 100) parts.unshift(extension("L", Buffer.from(`${entry.name}\0`, "latin1")));
  if ((entry.link ?? "").length > 100)
    parts.unshift(extension("K", Buffer.from(`${entry.link}\0`, "latin1")));
  return Buffer.concat(parts);
}

export function headerBytes(entry: TestEntry, sizeBytes: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, offset: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, "0"), offset, "latin1");
  block.write(entry.name.slice(0, 100), 0, "latin1");
  octal(entry.mode ?? 0o644, 100, 7);
  octal(entry.uid ?? 0, 108, 7);
  octal(0, 116, 7);
  octal(sizeBytes, 124, 11);
  octal(entry.mtime ?? 0, 136, 11);
  block.write(entry.type ?? "0", 156, "latin1");
  block.write((entry.link ?? "").slice(0, 100), 157, "latin1");
  block.write("ustar\0" + "00", 257, "latin1");
  octal(entry.major ?? 0, 329, 7);
  octal(entry.minor ?? 0, 337, 7);
  return withChecksum(block);
}

/** The block with the right checksum. */
export function withChecksum(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** A header that extends the next entry's: PAX (`x`, `g`) or GNU (`L`, `K`). */
export function extension(type: string, body: Buffer): Buffer {
  return Buffer.concat([headerBytes({ name: "././@Extension", type }, body.length), padded(body)]);
}

export function paxBytes(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
      const guess = rest.length + String(rest.length).length;
      const length = rest.length + String(guess).length;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}
