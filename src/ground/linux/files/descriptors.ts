import { closeSync, constants, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
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

const dup3Call = libcFunction("int dup3(int from, int to, int flags)");
const O_CLOEXEC = 0o2000000;

/**
 * Moves a descriptor that a libc call made to a number that node:fs opened. A thread that is ended closes
 * only such descriptors; any others would stay open for good. It is closed with node:fs. Throws LinuxError,
 * or what node:fs throws; `fd` is closed in any case.
 */
export function closedWithThread(fd: number): number {
  try {
    const known = openSync("/dev/null", "r");
    try {
      return check("dup3", dup3Call(fd, known, O_CLOEXEC), `descriptor ${fd}`);
    } catch (error) {
      closeSync(known);
      throw error;
    }
  } finally {
    closeDescriptor(fd);
  }
}

const syncfs = libcFunction("int syncfs(int fd)");

/**
 * A file system to sync: write errors since this was opened (EIO, ENOSPC) are reported by the next sync, even
 * if another one's sync has already reported them (Linux 5.8 and later).
 */
export class SyncedFileSystem implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #path: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  /** That of `path`. */
  static async open(path: string): Promise<SyncedFileSystem> {
    return new SyncedFileSystem(await open(path, constants.O_RDONLY), path);
  }

  /**
   * syncfs(2): resolves when everything that was written to it before the call is on the disk. Runs on
   * libuv's pool, and takes as long as the dirty pages of the whole file system need. Throws LinuxError.
   */
  async sync(): Promise<void> {
    await callAsync("syncfs", syncfs, [this.#handle.fd], this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** One sync of the file system of `path`; see {@link SyncedFileSystem}. Throws LinuxError. */
export async function syncFileSystem(path: string): Promise<void> {
  await using fileSystem = await SyncedFileSystem.open(path);
  await fileSystem.sync();
}
