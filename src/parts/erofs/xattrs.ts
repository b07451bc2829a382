import { ErofsError } from "./erofs-error.ts";

const headerBytes = 12;
const entryBytes = 4;
/** The length of an inode's attributes is kept in words, in 16 bits. */
const maxAreaBytes = headerBytes + (0xffff - 1) * 4;
const maxValueBytes = 0xffff;
const maxNameBytes = 255;

/** What names begin with; the rest of the name is written out. */
const prefixes = [
  { prefix: "user.", index: 1, whole: false },
  { prefix: "system.posix_acl_access", index: 2, whole: true },
  { prefix: "system.posix_acl_default", index: 3, whole: true },
  { prefix: "trusted.", index: 4, whole: false },
  { prefix: "security.", index: 6, whole: false },
] as const;

function prefixOf(key: string): (typeof prefixes)[number] | undefined {
  return prefixes.find(({ prefix, whole }) => (whole ? key === prefix : key.startsWith(prefix)));
}

/** Whether the format has attributes of this kind. */
export function canHoldXattr(key: string): boolean {
  return prefixOf(key) !== undefined;
}

/** Throws ErofsError InvalidArgument for what setxattr(2) would refuse, and for values that do not fit. */
export function checkXattr(key: string, value: Uint8Array): void {
  const refuse = (why: string): never => {
    throw new ErofsError("InvalidArgument", `the extended attribute ${JSON.stringify(key)} ${why}`);
  };
  const found = prefixOf(key);
  if (key.length > maxNameBytes || (found !== undefined && !found.whole && key === found.prefix))
    refuse(`has a name that is empty or longer than ${maxNameBytes} bytes`);
  if (value.length > maxValueBytes) refuse(`has ${value.length} bytes, at most ${maxValueBytes} are allowed`);
  if (found?.whole && !isAcl(value)) refuse("is not an access control list");
}

/** As posix_acl_xattr.h has it: version 2, and entries of eight bytes. */
function isAcl(value: Uint8Array): boolean {
  if (value.length < 4 || (value.length - 4) % 8 !== 0) return false;
  return Buffer.from(value.buffer, value.byteOffset, 4).readUInt32LE() === 2;
}

/**
 * What attributes take beside their inode, a multiple of 4. Throws ErofsError InvalidArgument for more than
 * fit.
 */
export function xattrAreaBytes(xattrs: ReadonlyMap<string, Uint8Array>): number {
  if (xattrs.size === 0) return 0;
  let bytes = headerBytes;
  for (const [key, value] of xattrs) bytes += aligned(entryBytes + nameOf(key).length + value.length);
  if (bytes > maxAreaBytes)
    throw new ErofsError(
      "InvalidArgument",
      `extended attributes of ${bytes} bytes; a file can have ${maxAreaBytes}`,
    );
  return bytes;
}

/** Writes attributes at `at`, where {@link xattrAreaBytes} zeros are. */
export function putXattrs(image: Buffer, at: number, xattrs: ReadonlyMap<string, Uint8Array>): void {
  let position = at + headerBytes;
  for (const [key, value] of xattrs) {
    const name = nameOf(key);
    image.writeUInt8(name.length, position);
    image.writeUInt8(prefixOf(key)?.index ?? 0, position + 1);
    image.writeUInt16LE(value.length, position + 2);
    image.write(name, position + entryBytes, "latin1");
    image.set(value, position + entryBytes + name.length);
    position += aligned(entryBytes + name.length + value.length);
  }
}

/** The inode's i_xattr_icount. */
export function xattrCount(areaBytes: number): number {
  return areaBytes === 0 ? 0 : (areaBytes - headerBytes) / 4 + 1;
}

function nameOf(key: string): string {
  return key.slice(prefixOf(key)?.prefix.length ?? 0);
}

function aligned(bytes: number): number {
  return (bytes + 3) & ~3;
}
