import { type Dirent, putDirectory } from "./directory-data.ts";
import { blockBytes, inodeBytes, nidAt, noBlock } from "./format.ts";
import type { ErofsInode } from "./inode.ts";
import type { Place } from "./plan-image.ts";
import { putXattrs, xattrCount } from "./xattrs.ts";

/** i_format: an extended inode, whose data are in blocks of their own, or the last of them beside it. */
const plainFormat = 1;
const inlineFormat = 1 | (2 << 1);

/** By kind: the type in st_mode, and that in directories. */
const types: Readonly<Record<ErofsInode["kind"], readonly [mode: number, dirent: number]>> = {
  file: [0o100000, 1],
  directory: [0o040000, 2],
  "character-device": [0o020000, 3],
  "block-device": [0o060000, 4],
  fifo: [0o010000, 5],
  symlink: [0o120000, 7],
};

/**
 * Writes an inode, its attributes and the data that the index has of it. `archiveBlock`: the archive's first.
 */
export function putInode(
  image: Buffer,
  place: Place,
  archiveBlock: number,
  placeOf: (inode: ErofsInode) => Place,
): void {
  const { inode, position, xattrBytes, dataBytes, inline } = place;
  const { mode, uid, gid, mtime, xattrs } = inode.attributes;
  image.writeUInt16LE(inline ? inlineFormat : plainFormat, position);
  image.writeUInt16LE(xattrCount(xattrBytes), position + 2);
  image.writeUInt16LE(types[inode.kind][0] | mode, position + 4);
  image.writeBigUInt64LE(BigInt(sizeOf(place)), position + 8);
  image.writeUInt32LE(locationOf(place, archiveBlock), position + 16);
  image.writeUInt32LE(nidAt(position) >>> 0, position + 20);
  image.writeUInt32LE(uid, position + 24);
  image.writeUInt32LE(gid, position + 28);
  image.writeBigInt64LE(BigInt(mtime.seconds), position + 32);
  image.writeUInt32LE(mtime.nanoseconds, position + 40);
  image.writeUInt32LE(place.links, position + 44);
  if (xattrBytes > 0) putXattrs(image, position + inodeBytes, xattrs);
  if (dataBytes === 0) return;
  const dataAt = inline ? position + inodeBytes + xattrBytes : place.dataBlock * blockBytes;
  if (inode.kind === "symlink") image.write(inode.target, dataAt, "latin1");
  else if (inode.kind === "directory") putDirectory(image, dataAt, direntsOf(place, placeOf));
}

function sizeOf({ inode, dataBytes }: Place): number {
  return inode.kind === "file" ? inode.data.sizeBytes : dataBytes;
}

/** i_u: the first block of the data, or a device's number. */
function locationOf({ inode, dataBlock, dataBytes, inline }: Place, archiveBlock: number): number {
  if (inode.kind === "character-device" || inode.kind === "block-device") return deviceOf(inode);
  if (inode.kind !== "file") return inline || dataBytes === 0 ? noBlock : dataBlock;
  const { sizeBytes, offset, extents } = inode.data;
  if (sizeBytes === 0) return noBlock;
  return extents === undefined ? archiveBlock + offset / blockBytes : dataBlock;
}

/** The kernel's new_encode_dev. */
function deviceOf({ major, minor }: { readonly major: number; readonly minor: number }): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

function direntsOf(place: Place, placeOf: (inode: ErofsInode) => Place): readonly Dirent[] {
  const { inode, names } = place;
  if (inode.kind !== "directory") return [];
  return names.map((name) => {
    const child = inode.entries.get(name);
    const target = child === undefined ? dotPlace(place, name) : placeOf(child);
    return { name, nid: nidAt(target.position), type: types[target.inode.kind][1] };
  });
}

/** `.` and `..`, which is the root itself in the root. */
function dotPlace(place: Place, name: string): Place {
  return name === ".." ? (place.parent ?? place) : place;
}
