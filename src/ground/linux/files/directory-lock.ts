import { constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { isErrno } from "../../fs/index.ts";
import { check, libcFunction } from "../libc.ts";

const flock = libcFunction("int flock(int fd, int operation)");

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * flock(2) of a directory, for one process: the kernel releases it however the process ends, and it needs no
 * disk space and no file. `heldBy` is a pid, if the kernel reports it.
 */
export async function lockDirectory(
  path: string,
): Promise<
  | { readonly kind: "locked"; readonly lock: FileHandle }
  | { readonly kind: "held"; readonly heldBy: number | undefined }
> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    check("flock", flock(directory.fd, LOCK_EX | LOCK_NB), path);
    return { kind: "locked", lock: directory };
  } catch (error) {
    const heldBy = await holderOf(directory).catch(() => undefined);
    await directory.close();
    if (isErrno(error, "EAGAIN")) return { kind: "held", heldBy };
    throw error;
  }
}

/** By /proc/locks: `1: FLOCK  ADVISORY  WRITE PID MAJOR:MINOR:INODE 0 EOF`, the device in hexadecimal. */
async function holderOf(directory: FileHandle): Promise<number | undefined> {
  const { dev, ino } = await directory.stat({ bigint: true });
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const hex = (part: bigint) => part.toString(16).padStart(2, "0");
  const file = `${hex(major)}:${hex(minor)}:${ino}`;
  const words = (await readFile("/proc/locks", "utf8")).split("\n").map((line) => line.split(/\s+/));
  const pid = Number(words.find(([, kind, , , , where]) => kind === "FLOCK" && where === file)?.[4]);
  return pid > 0 ? pid : undefined;
}
