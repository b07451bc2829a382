/** Constants of the format, by the kernel's fs/erofs/erofs_fs.h. */
export const blockBits = 9;
export const blockBytes = 1 << blockBits;

export const superblockOffset = 1024;
export const superblockBytes = 128;
export const deviceSlotBytes = 128;
export const deviceSlotOffset = superblockOffset + superblockBytes;
/** Where inodes begin, the root first: its number has 16 bits only. */
export const inodesOffset = deviceSlotOffset + deviceSlotBytes;

export const inodeBytes = 64;
/** An inode's number is its place in these. */
export const inodeSlotBytes = 32;

export const direntBytes = 12;

/** Of a block's number; the highest means none. */
export const noBlock = 0xffffffff;

/** The number of what begins at `position`. */
export function nidAt(position: number): number {
  return position / inodeSlotBytes;
}

/** `bytes` in blocks, rounded up. */
export function blocksOf(bytes: number): number {
  return Math.ceil(bytes / blockBytes);
}
