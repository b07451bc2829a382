import { constants } from "node:fs";
import { open, statfs } from "node:fs/promises";
import { callAsync, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";

const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)");

/** linux/fsverity.h */
const FS_IOC_ENABLE_VERITY = 0x40806685;
const FS_IOC_MEASURE_VERITY = 0xc0046686;
const FS_VERITY_HASH_ALG_SHA256 = 1;
/** At most a page, and at most a block of the file system. */
const maxHashBlockBytes = 4096;
/** Size of struct fsverity_enable_arg. */
const argumentBytes = 128;
/** Sizes of struct fsverity_digest, and of the longest digest that follows it. */
const [digestHeaderBytes, digestBytes] = [4, 64];

/**
 * `on`: the kernel compares each page that it reads of this file with hashes that were computed when
 * fs-verity was enabled, and nobody can write to it. `unsupported`: the kernel or the file system of this
 * file or directory has no fs-verity.
 */
export type VerityState = "on" | "off" | "unsupported";

/** Throws Node's errors of opening the path, and LinuxError. */
export async function verityState(path: string): Promise<VerityState> {
  const digest = Buffer.alloc(digestHeaderBytes + digestBytes);
  digest.writeUInt16LE(digestBytes, 2);
  await using file = await open(path, constants.O_RDONLY);
  try {
    await callAsync("ioctl", ioctlCall, [file.fd, FS_IOC_MEASURE_VERITY, digest], path);
    return "on";
  } catch (error) {
    const errno = error instanceof LinuxError ? error.errno : undefined;
    if (errno === "ENODATA") return "off";
    if (errno === "EOPNOTSUPP" || errno === "ENOTTY") return "unsupported";
    throw error;
  }
}

/**
 * Enables fs-verity for a file that nobody has open for writing, and waits until it is on disk. Reads the
 * whole file. Throws Node's errors of opening it, and LinuxError.
 */
export async function enableVerity(path: string): Promise<void> {
  const argument = Buffer.alloc(argumentBytes);
  const hashBlockBytes = Math.min(maxHashBlockBytes, (await statfs(path)).bsize);
  for (const [index, value] of [1, FS_VERITY_HASH_ALG_SHA256, hashBlockBytes].entries())
    argument.writeUInt32LE(value, 4 * index);
  await using file = await open(path, constants.O_RDONLY);
  await callAsync("ioctl", ioctlCall, [file.fd, FS_IOC_ENABLE_VERITY, argument], path);
  await file.sync();
}
