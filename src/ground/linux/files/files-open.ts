import { constants } from "node:fs";
import { isErrno } from "../../fs/index.ts";
import { callAsync, check, libcFunction } from "../libc.ts";
import { cString, fromByteString, toByteString } from "./files-names.ts";
import { openat2, openHow, resolve, SYS_openat2 } from "./openat2.ts";

const openat = libcFunction("int openat(int directory, const uint8_t *path, int flags, uint32_t mode)");
const close = libcFunction("int close(int fd)");

const AT_FDCWD = -100;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

const directoryFlags = O_PATH | constants.O_DIRECTORY | O_CLOEXEC;
const withinHow = openHow(
  directoryFlags,
  resolve.beneath | resolve.noSymlinks | resolve.noMagicLinks | resolve.noXdev,
);
const placeHow = openHow(O_PATH | O_CLOEXEC, resolve.beneath | resolve.noMagicLinks);
const renameTries = 100;
const beneathHow = openHow(directoryFlags, resolve.beneath | resolve.noSymlinks | resolve.noMagicLinks);

/**
 * Opens a directory as an anchor for the calls of `files-at.ts` (O_PATH). `path` is ordinary text; symbolic
 * links in it are followed. The caller closes it with {@link closeFile}. Throws LinuxError.
 */
export function openDirectory(path: string): number {
  return check("open", openat(AT_FDCWD, cString(toByteString(path)), directoryFlags, 0), path);
}

/**
 * Opens the directory at `path` beneath another one, also as an anchor, without ever leaving that one: a
 * symbolic link anywhere in `path` is an error (ELOOP), and so is `..` that leads out (EXDEV). Needs Linux
 * 5.6. Throws LinuxError.
 */
export function openDirectoryBeneath(anchor: number, path: string): number {
  const bytes = cString(path === "" ? "." : path);
  const fd = Number(openat2(SYS_openat2, anchor, bytes, beneathHow, beneathHow.length));
  return fd === -1 ? check("openat2", fd, fromByteString(path)) : fd;
}

/** The same for a single name, on which no file system may be mounted (EXDEV). Throws LinuxError. */
export function openDirectoryWithin(anchor: number, name: string): number {
  const fd = Number(openat2(SYS_openat2, anchor, cString(name), withinHow, withinHow.length));
  return fd === -1 ? check("openat2", fd, fromByteString(name)) : fd;
}

/**
 * Opens whatever is at `path`, which is ordinary text, beneath an anchor, as a location only (O_PATH). Links
 * that stay beneath it are followed; one that leads out is an error (EXDEV), and so is such a `..`. On the
 * thread pool. Needs Linux 5.6. Throws LinuxError.
 */
export async function openBeneath(anchor: number, path: string): Promise<number> {
  const bytes = cString(toByteString(path === "" ? "." : path));
  for (let left = renameTries; ; left--) {
    const open = callAsync("openat2", openat2, [SYS_openat2, anchor, bytes, placeHow, placeHow.length], path);
    const fd = await open.catch((error: unknown) => {
      // A parent was moved at the same time, so the kernel could not decide.
      if (!isErrno(error, "EAGAIN") || left === 0) throw error;
    });
    if (fd !== undefined) return Number(fd);
  }
}

/** Opens the parent directory of an anchor, as an anchor. Throws LinuxError. */
export function openParent(anchor: number): number {
  return check("open", openat(anchor, cString(".."), directoryFlags, 0), "..");
}

/**
 * Creates a file and opens it for writing; never follows or opens an existing one (EEXIST). The umask may
 * clear bits of `mode`. Throws LinuxError.
 */
export function createFileAt(directory: number, name: string, mode = 0o600): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | O_CLOEXEC;
  const fd = openat(directory, cString(name), flags, mode);
  return fd === -1 ? check("open", fd, fromByteString(name)) : fd;
}

/**
 * Opens a regular file for reading, without following a symbolic link or waiting at a FIFO. Throws
 * LinuxError.
 */
export function openFileAt(directory: number, name: string): number {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
  const fd = openat(directory, cString(name), flags, 0);
  return fd === -1 ? check("open", fd, fromByteString(name)) : fd;
}

/**
 * Closes a descriptor that a function of this file opened. Do not use Node's functions: in workers they warn
 * about descriptors that Node did not open.
 */
export function closeFile(fd: number): void {
  check("close", close(fd), String(fd));
}
