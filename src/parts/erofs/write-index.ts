import { ftruncateSync, readSync, writeSync } from "node:fs";
import { ErofsError } from "./erofs-error.ts";
import { blockBytes, blocksOf, nidAt, noBlock } from "./format.ts";
import type { ErofsDirectory, ErofsInode, FileData } from "./inode.ts";
import { type ImagePlan, planImage } from "./plan-image.ts";
import { putInode } from "./put-inode.ts";
import { putSuperblock } from "./superblock.ts";

const copyBytes = 256 * 1024;

/**
 * Writes the index of an archive, an EROFS image, to the empty file `fd`: `root` is the tree, whose files'
 * data are in the file `archive.fd` of `archive.sizeBytes`. Files with holes are copied into the index, which
 * has the holes too. `uuid`: 16 bytes, its own for each image. Throws ErofsError and Node's own errors.
 */
export function writeIndex(
  fd: number,
  root: ErofsDirectory,
  archive: { readonly fd: number; readonly sizeBytes: number },
  uuid: Uint8Array,
): void {
  const plan = planImage(root);
  const { places, ownBytes, blocks } = plan;
  const archiveBlocks = blocksOf(archive.sizeBytes);
  if (blocks + archiveBlocks >= noBlock)
    throw new ErofsError(
      "ResourceExhausted",
      `files of ${(blocks + archiveBlocks) * blockBytes} bytes in one layer; an EROFS image of it has room for 2 TiB`,
    );
  const image = Buffer.alloc(ownBytes);
  const placeOf = (inode: ErofsInode) => {
    const place = places.get(inode);
    if (place === undefined) throw new ErofsError("Internal", "an inode has no place in the image");
    return place;
  };
  const superblock = {
    root: nidAt(placeOf(root).position),
    inodes: places.size,
    blocks,
    archiveBlocks,
    uuid,
  };
  putSuperblock(image, superblock);
  for (const place of places.values()) putInode(image, place, blocks, placeOf);
  writeAll(fd, image, 0);
  ftruncateSync(fd, blocks * blockBytes);
  copyScattered(fd, archive.fd, plan);
}

function copyScattered(to: number, from: number, { places }: ImagePlan): void {
  for (const { inode, dataBlock } of places.values())
    if (inode.kind === "file" && inode.data.extents !== undefined)
      copyExtents(to, from, dataBlock * blockBytes, inode.data);
}

function copyExtents(to: number, from: number, start: number, { offset, extents = [] }: FileData): void {
  const buffer = Buffer.allocUnsafe(copyBytes);
  let position = offset;
  for (const extent of extents) {
    for (let done = 0; done < extent.length; ) {
      const read = readSync(from, buffer, 0, Math.min(copyBytes, extent.length - done), position);
      if (read === 0) throw new ErofsError("DataLoss", "the archive has become shorter");
      writeAll(to, buffer.subarray(0, read), start + extent.offset + done);
      done += read;
      position += read;
    }
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}
