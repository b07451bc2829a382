import { constants as errnos } from "node:os";
import koffi from "koffi";
import { check, libcFunction } from "../libc.ts";

const ioctl = libcFunction("int ioctl(int fd, unsigned long request, int source)");
const lseek = libcFunction("int64_t lseek(int fd, int64_t offset, int whence)");
const copyFileRange = libcFunction(
  "intptr_t copy_file_range(int from, _Inout_ int64_t *fromOffset, int to, _Inout_ int64_t *toOffset, size_t length, unsigned int flags)",
);
const sendfile = libcFunction("intptr_t sendfile(int to, int from, _Inout_ int64_t *offset, size_t count)");
const ftruncate = libcFunction("int ftruncate(int fd, int64_t size)");

const FICLONE = 0x40049409;
const SEEK_SET = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const maxCopyBytes = 1 << 30;

/**
 * Copies `from`, of `sizeBytes`, to the empty file `to`: as a reflink if the file system supports it,
 * otherwise within the kernel, preserving holes. Throws LinuxError.
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
    const copied = copySome(from, to, at, length, subject);
    if (copied === 0) return; // the file has become shorter meanwhile
    at += copied;
  }
}

/**
 * Copies up to `length` bytes at `at`; copy_file_range works across file systems only if both have the same
 * type.
 */
function copySome(from: number, to: number, at: number, length: number, subject: string): number {
  const copied = Number(copyFileRange(from, [BigInt(at)], to, [BigInt(at)], length, 0));
  if (copied !== -1 || koffi.errno() !== errnos.errno.EXDEV) return check("copy_file_range", copied, subject);
  check("lseek", Number(lseek(to, at, SEEK_SET)), subject);
  return check("sendfile", Number(sendfile(to, from, [BigInt(at)], length)), subject);
}
