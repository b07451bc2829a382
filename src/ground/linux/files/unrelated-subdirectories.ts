import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { libcFunction } from "../libc.ts";

const ioctl = libcFunction("int ioctl(int fd, unsigned long request, _Inout_ uint32_t *flags)");

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
/** chattr(1), attribute T. */
const FS_TOPDIR_FL = 0x20000;

/**
 * Tells ext4 that what is made in a directory has nothing to do with each other, so that it spreads these
 * subdirectories over the disk. Else all of them share a few groups of inodes, whose lock those who write
 * wait for, and in which, without a journal, every new file passes over all inodes that were freed in the
 * last five minutes (`recently_deleted` in fs/ext4/ialloc.c). Other file systems have no such hint, and a
 * refusal changes nothing else. Throws Node's errors of opening the directory.
 */
export async function hintUnrelatedSubdirectories(path: string): Promise<void> {
  await using directory: FileHandle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const flags: [number] = [0];
  if (ioctl(directory.fd, FS_IOC_GETFLAGS, flags) === -1 || (flags[0] & FS_TOPDIR_FL) !== 0) return;
  flags[0] |= FS_TOPDIR_FL;
  ioctl(directory.fd, FS_IOC_SETFLAGS, flags);
}
