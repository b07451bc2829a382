import { fstatSync } from "node:fs";
import { check, libcFunction } from "../libc.ts";
import type { Timestamp } from "./files-at.ts";

/**
 * Sets attributes of a newly created, open file: without looking up its name again, and without changing
 * values that are already right. Synchronous, for worker threads; throws LinuxError.
 */
const fchown = libcFunction("int fchown(int fd, uint32_t uid, uint32_t gid)");
const fchmod = libcFunction("int fchmod(int fd, uint32_t mode)");
const futimens = libcFunction("int futimens(int fd, const int64_t *times)");

const modeBits = 0o7777;
/** Bits that a change of the owner clears. */
const clearedBits = 0o6000;

export type FileAttributes = {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** For both access and modification. */
  readonly mtime: Timestamp;
};

/** Gives an open file these attributes; times come last, as writing changes them. */
export function setAttributes(fd: number, wanted: FileAttributes, name: string): void {
  const found = fstatSync(fd);
  const mode = wanted.mode & modeBits;
  const isOther = found.uid !== wanted.uid || found.gid !== wanted.gid;
  if (isOther) check("chown", fchown(fd, wanted.uid, wanted.gid), name);
  const isCleared = isOther && (mode & clearedBits) !== 0;
  if ((found.mode & modeBits) !== mode || isCleared) check("chmod", fchmod(fd, mode), name);
  const [seconds, nanoseconds] = [BigInt(wanted.mtime.seconds), BigInt(wanted.mtime.nanoseconds)];
  const times = BigInt64Array.of(seconds, nanoseconds, seconds, nanoseconds);
  check("utimensat", futimens(fd, times), name);
}
