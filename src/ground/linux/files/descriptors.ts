import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { callAsync, check, libcFunction } from "../libc.ts";

const closeCall = libcFunction("int close(int fd)");

/**
 * close(2) for descriptors that a libc call made. In a worker thread, node:fs closes only what it opened
 * itself without complaint.
 */
export function closeDescriptor(fd: number): void {
  check("close", closeCall(fd), `descriptor ${fd}`);
}

/** The same on the thread pool, where closing does work that may block. */
export async function closeDescriptorAsync(fd: number): Promise<void> {
  await callAsync("close", closeCall, [fd], `descriptor ${fd}`);
}

const syncfs = libcFunction("int syncfs(int fd)");

/**
 * syncfs(2): resolves when everything that was written to the file system of `path` before the call is on the
 * disk. Runs on libuv's pool, and takes as long as the dirty pages of the whole file system need. Throws
 * LinuxError: what the disk could not write since this file system was mounted or last asked (EIO, ENOSPC) is
 * reported here (Linux 5.8 and later).
 */
export async function syncFileSystem(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY);
  await callAsync("syncfs", syncfs, [handle.fd], path);
}
