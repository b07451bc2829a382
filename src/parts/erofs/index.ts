/**
 * Writes EROFS images: read-only file systems that the kernel mounts from a file. Only the part of the format
 * that berth needs: no compression, extended inodes, blocks of 512 bytes, so that files can stay where they
 * are in a tar archive. Such an image is the archive's *index*: it has names, attributes and directories, and
 * files point into the archive, which is the image's second device.
 *
 * The format is that of the kernel's fs/erofs/erofs_fs.h, described at
 * https://erofs.docs.kernel.org/en/latest/core_ondisk.html. The calls are synchronous, for worker threads.
 * This room reads no archives and mounts nothing. Of others' images, it checks the superblock.
 */
export { checkedBytes, checkImage, isErofsImage } from "./check-image.ts";
export { ErofsError } from "./erofs-error.ts";
export { blockBytes } from "./format.ts";
export type { ErofsDirectory, ErofsInode, FileData, InodeAttributes } from "./inode.ts";
export { writeIndex } from "./write-index.ts";
export { canHoldXattr, checkXattr, xattrAreaBytes } from "./xattrs.ts";
