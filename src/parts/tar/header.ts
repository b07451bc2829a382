import type { Timestamp } from "../../ground/linux/index.ts";

/**
 * An entry of a tar archive. Names are byte strings (one character for each byte); a directory's has no slash
 * at its end.
 */
export type TarEntry = {
  readonly name: string;
  readonly type: "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";
  /** Permissions: 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  /** Bytes that follow; 0 but for files. */
  readonly sizeBytes: number;
  /** Of links. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
};

export const blockBytes = 512;
/** Where the size stands in the last block of a header. */
export const sizeField = { at: 124, bytes: 12 } as const;

const nameBytes = 100;
const posixMagic = "ustar\0" + "00";
const gnuMagic = "ustar  \0";

/** What GNU's tar says of a file that is a name. */
const longLink: Fields = {
  name: "././@LongLink",
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  target: "",
};
const typeFlags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;

/**
 * The header of an entry. What does not fit into the block of 1988 comes before it. In pax format these are
 * records of long names, attributes and fractions of a second, which hold names as the bytes that they are.
 * In GNU's they are files of long names; attributes and fractions are left out.
 */
export function tarHeader(entry: TarEntry, format: "pax" | "gnu" = "pax"): Buffer {
  const named = entry.type === "directory" ? { ...entry, name: `${entry.name}/` } : entry;
  return format === "pax" ? paxHeader(named) : gnuHeader(named);
}

function paxHeader(entry: TarEntry): Buffer {
  const records = Buffer.concat([...paxRecords(entry)]);
  const own = posixBlock(entry, typeFlags[entry.type]);
  if (records.length === 0) return own;
  const before = { ...entry, name: "PaxHeaders/0", target: "", sizeBytes: records.length, mode: 0o600 };
  return Buffer.concat([posixBlock(before, "x"), records, tarPadding(records.length), own]);
}

function gnuHeader(entry: TarEntry): Buffer {
  const own = headerBlock(entry, typeFlags[entry.type], gnuMagic);
  if (entry.type === "character" || entry.type === "block") writeDevice(own, entry);
  writeChecksum(own);
  return Buffer.concat([...longRecord("L", entry.name), ...longRecord("K", entry.target), own]);
}

/** A name that does not fit, with the NUL at its end, comes before the header as a file of its own. */
function longRecord(flag: string, text: string): readonly Buffer[] {
  if (text.length < nameBytes) return [];
  const content = bytesOf(`${text}\0`);
  const header = headerBlock({ ...longLink, sizeBytes: content.length }, flag, gnuMagic);
  writeChecksum(header);
  return [header, content, tarPadding(content.length)];
}

/** Fills the last block of that many bytes. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

/** Ends an archive, or one within another. */
export const tarEnd = Buffer.alloc(2 * blockBytes);

/** Writes the size into a block that was made without knowing it, and its sum anew. */
export function setSize(block: Buffer, sizeBytes: number): void {
  writeNumber(block, sizeField.at, sizeField.bytes, sizeBytes);
  writeChecksum(block);
}

function* paxRecords({ name, target, sizeBytes, mtime, uid, gid, xattrs }: TarEntry): Generator<Buffer> {
  if (name.length > nameBytes) yield paxRecord("path", bytesOf(name));
  if (target.length > nameBytes) yield paxRecord("linkpath", bytesOf(target));
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0) yield paxRecord("mtime", bytesOf(decimal(mtime)));
  if (sizeBytes >= 2 ** 33) yield paxRecord("size", bytesOf(String(sizeBytes)));
  if (uid >= 2 ** 21) yield paxRecord("uid", bytesOf(String(uid)));
  if (gid >= 2 ** 21) yield paxRecord("gid", bytesOf(String(gid)));
  for (const [key, value] of xattrs) yield paxRecord(`SCHILY.xattr.${key}`, value);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([bytesOf(` ${key}=`), value, bytesOf("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([bytesOf(String(length)), rest]);
}

/** Times before the epoch count down from it. */
function decimal({ seconds, nanoseconds }: Timestamp): string {
  if (seconds >= 0 || nanoseconds === 0) return `${seconds}.${String(nanoseconds).padStart(9, "0")}`;
  const whole = seconds + 1;
  return `${whole === 0 ? "-0" : whole}.${String(1_000_000_000 - nanoseconds).padStart(9, "0")}`;
}

function posixBlock(entry: TarEntry, flag: string): Buffer {
  const block = headerBlock(entry, flag, posixMagic);
  writeDevice(block, entry);
  writeChecksum(block);
  return block;
}

type Fields = Pick<TarEntry, "name" | "mode" | "uid" | "gid" | "sizeBytes" | "mtime" | "target">;

/** Without its sum. Larger owners than the field's octal digits can say are for pax records to say. */
function headerBlock(entry: Fields, flag: string, magic: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  const owner = (id: number) => (id < 2 ** 21 || magic === gnuMagic ? id : 0);
  block.write(entry.name.slice(0, nameBytes), 0, "latin1");
  writeNumber(block, 100, 8, entry.mode);
  writeNumber(block, 108, 8, owner(entry.uid));
  writeNumber(block, 116, 8, owner(entry.gid));
  writeNumber(block, sizeField.at, sizeField.bytes, entry.sizeBytes);
  writeNumber(block, 136, 12, Math.max(0, entry.mtime.seconds));
  block.write(flag, 156, "latin1");
  block.write(entry.target.slice(0, nameBytes), 157, "latin1");
  block.write(magic, 257, "latin1");
  return block;
}

function writeDevice(block: Buffer, { major, minor }: TarEntry): void {
  writeNumber(block, 329, 8, major);
  writeNumber(block, 337, 8, minor);
}

/** Octal digits, and where they do not suffice (8 GiB and more) GNU's binary form, which every tar reads. */
function writeNumber(block: Buffer, at: number, width: number, value: number): void {
  const digits = value.toString(8);
  block.fill(0, at, at + width);
  if (digits.length < width) {
    block.write(digits.padStart(width - 1, "0"), at, "latin1");
    return;
  }
  block.writeBigUInt64BE(BigInt(value), at + width - 8);
  block[at] = 0x80;
}

/** The sum of all bytes, its own field counted as spaces. */
function writeChecksum(block: Buffer): void {
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
