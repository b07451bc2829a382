/** What the archive says of one file. `name` of a directory ends with a slash. */
export type TarEntry = {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
  /** Bytes that follow; 0 but for files. */
  readonly size: number;
  readonly linkTarget: string;
};

const blockBytes = 512;
const nameBytes = 100;
const typeFlags = { file: "0", symlink: "2", directory: "5" } as const;

/**
 * The header of a file that belongs to root, in GNU's format: the one format in which every tar in use, busybox's too, reads
 * names that are long or not ASCII.
 */
export function tarHeader(entry: TarEntry): Buffer {
  return Buffer.concat([
    ...longRecord("L", entry.name),
    ...longRecord("K", entry.linkTarget),
    block(entry, typeFlags[entry.type]),
  ]);
}

/** Fills the last block of a file of that many bytes. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** Ends an archive. */
export const tarEnd = Buffer.alloc(2 * blockBytes);

/** A name that does not fit comes before the header as a file of its own. */
function longRecord(flag: string, text: string): readonly Buffer[] {
  const content = Buffer.from(`${text}\0`);
  if (content.length <= nameBytes) return [];
  const size = content.length;
  const header = block({ name: "././@LongLink", mode: 0o644, mtimeMs: 0, size, linkTarget: "" }, flag);
  return [header, content, tarPadding(size)];
}

function block(entry: Omit<TarEntry, "type">, flag: string): Buffer {
  const header = Buffer.alloc(blockBytes);
  Buffer.from(entry.name).copy(header, 0, 0, nameBytes);
  writeNumber(header, 100, 8, entry.mode);
  writeNumber(header, 108, 8, 0);
  writeNumber(header, 116, 8, 0);
  writeNumber(header, 124, 12, entry.size);
  writeNumber(header, 136, 12, Math.max(0, Math.floor(entry.mtimeMs / 1000)));
  header.write(flag, 156, "latin1");
  Buffer.from(entry.linkTarget).copy(header, 157, 0, nameBytes);
  header.write("ustar  \0", 257, "latin1");
  writeChecksum(header);
  return header;
}

/** Octal digits, and where they do not suffice (8 GiB and more) GNU's binary form. */
function writeNumber(header: Buffer, at: number, width: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length < width) {
    header.write(digits.padStart(width - 1, "0"), at, "latin1");
    return;
  }
  header.writeBigUInt64BE(BigInt(value), at + width - 8);
  header[at] = 0x80;
}

/** The sum of all bytes, its own field counted as spaces. */
function writeChecksum(header: Buffer): void {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
