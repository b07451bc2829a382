import { blockBits, deviceSlotBytes, deviceSlotOffset, superblockOffset } from "./format.ts";

export const magic = 0xe0f5e1e2;
/** Times are of the last change of a file's content. */
const compatMtime = 2;
export const incompatDeviceTable = 8;

export type Superblock = {
  /** The number of the root's inode. */
  readonly root: number;
  readonly inodes: number;
  /** Of the image's own file, and of the archive, whose first comes after its last. */
  readonly blocks: number;
  readonly archiveBlocks: number;
  /** 16 bytes. overlayfs takes layers with the same one for the same file system. */
  readonly uuid: Uint8Array;
};

/** Writes the superblock, and the one slot of the table of devices: the archive's. */
export function putSuperblock(
  image: Buffer,
  { root, inodes, blocks, archiveBlocks, uuid }: Superblock,
): void {
  const at = superblockOffset;
  image.writeUInt32LE(magic, at);
  image.writeUInt32LE(compatMtime, at + 8);
  image.writeUInt8(blockBits, at + 12);
  image.writeUInt16LE(root, at + 14);
  image.writeBigUInt64LE(BigInt(inodes), at + 16);
  image.writeUInt32LE(blocks, at + 36);
  image.set(uuid, at + 48);
  image.writeUInt32LE(incompatDeviceTable, at + 80);
  image.writeUInt16LE(1, at + 86);
  image.writeUInt16LE(deviceSlotOffset / deviceSlotBytes, at + 88);
  image.writeUInt32LE(archiveBlocks, deviceSlotOffset + 64);
  image.writeUInt32LE(blocks, deviceSlotOffset + 68);
}
