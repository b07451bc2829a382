import { constants as errnos } from "node:os";
import koffi from "koffi";
import { check, libcFunction } from "./libc.ts";

const ioctl = libcFunction("int ioctl(int fd, unsigned long request, int source)");
const lseek = libcFunction("int64_t lseek(int fd, int64_t offset, int whence)");
const copyFileRange = libcFunction(
  "intptr_t copy_file_range(int from, _Inout_ int64_t *fromOffset, int to, _Inout_ int64_t *toOffset, size_t length, unsigned int flags)",
);
const ftruncate = libcFunction("int ftruncate(int fd, int64_t size)");

const FICLONE = 0x40049409;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const maxCopyBytes = 1 << 30;

/**
 * Makes the file `to`, which must be empty, a copy of `from`, of `sizeBytes`: as a reflink where the file system has them,
 * else within the kernel, leaving holes as they are. Both are descriptors on one file system. Throws LinuxError.
 */
export function copyFile(from: number, to: number, sizeBytes: number, subject: string): void {
  if (sizeBytes === 0 || ioctl(to, FICLONE, from) === 0) return;
  check("ftruncate", ftruncate(to, sizeBytes), subject);
  for (let start = nextData(from, 0, subject); start !== undefined; ) {
    const end = Number(lseek(from, start, SEEK_HOLE));
    check("lseek", end, subject);
    copyRange(from, to, start, Math.min(end, sizeBytes), subject);
    start = end < sizeBytes ? nextData(from, end, subject) : undefined;
  }
}

/** Start of the next data at or after `offset`; undefined if only a hole follows. */
function nextData(fd: number, offset: number, subject: string): number | undefined {
  const start = Number(lseek(fd, offset, SEEK_DATA));
  if (start === -1 && koffi.errno() === errnos.errno.ENXIO) return undefined;
  return start === -1 ? check("lseek", start, subject) : start;
}

function copyRange(from: number, to: number, start: number, end: number, subject: string): void {
  for (let at = start; at < end; ) {
    const length = Math.min(end - at, maxCopyBytes);
    const copied = Number(copyFileRange(from, [BigInt(at)], to, [BigInt(at)], length, 0));
    check("copy_file_range", copied, subject);
    if (copied === 0) return; // the file has become shorter meanwhile
    at += copied;
  }
}
