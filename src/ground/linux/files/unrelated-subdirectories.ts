import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { libcFunction } from "../libc.ts";

const ioctl = libcFunction("int ioctl(int fd, unsigned long request, _Inout_ uint32_t *flags)");

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
/** chattr(1), attribute T. */
const FS_TOPDIR_FL = 0x20000;

/**
 * Tells ext4 that the subdirectories of a directory are unrelated, so that it spreads them over the disk.
 * Otherwise all of them share a few groups of inodes: writers wait for the lock of a group, and without a
 * journal each new file skips all inodes of the group that were freed in the last five minutes
 * (`recently_deleted` in fs/ext4/ialloc.c). Other file systems have no such hint; it is not an error if it is
 * rejected. Throws Node's errors of opening the directory.
 */
export async function hintUnrelatedSubdirectories(path: string): Promise<void> {
  await using directory: FileHandle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const flags: [number] = [0];
  if (ioctl(directory.fd, FS_IOC_GETFLAGS, flags) === -1 || (flags[0] & FS_TOPDIR_FL) !== 0) return;
  flags[0] |= FS_TOPDIR_FL;
  ioctl(directory.fd, FS_IOC_SETFLAGS, flags);
}
