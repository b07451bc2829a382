import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/*
 * Room for commits on a full disk. What is removed from a full disk has to be committed first, and a commit
 * is written to the write-ahead log: a log that has to grow for it fails just when it matters. So the log has
 * its full size from the start, and is overwritten from then on; on a file system that copies what is
 * overwritten (btrfs, ZFS) that is no promise.
 *
 * SQLite deletes its log in an orderly end, and with it the room. A second name keeps the file, which is
 * given its old name before the next start. Its first bytes are zeroed then: SQLite takes a log without a
 * header for an empty one.
 *
 * New records must not use that room up: they are refused while the disk has less beside it than copying the
 * log may take.
 */

/**
 * Twice the size to which SQLite lets its log grow before it copies it into the database's file, which has
 * space for that: file-room.ts.
 */
const roomBytes = 8 << 20;
const headerBytes = 32;
const freeForAdditions = 4 << 20;

const logOf = (path: string) => `${path}-wal`;
const secondNameOf = (path: string) => `${path}-room`;

/**
 * Must be called before the database at `path` is opened: gives it the log that the last orderly shutdown
 * left.
 */
export function giveBackLog(path: string): void {
  if (!exists(secondNameOf(path)) || exists(logOf(path))) return;
  const file = openSync(secondNameOf(path), "r+");
  try {
    writeSync(file, Buffer.alloc(headerBytes), 0, headerBytes, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  linkSync(secondNameOf(path), logOf(path));
}

/**
 * Must be called while the database is open and nothing is written to it: extends its log to its maximum
 * size, and gives it a second name. On failure it throws, and the log is unchanged.
 */
export function keepRoom(path: string): void {
  lengthen(logOf(path));
  if (isSameFile(logOf(path), secondNameOf(path))) return;
  rmSync(secondNameOf(path), { force: true });
  linkSync(logOf(path), secondNameOf(path));
}

/** Whether the disk of the database at `path` has space in addition to what is reserved for removals. */
export function hasRoomToAdd(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize >= freeForAdditions;
}

/** SQLite ignores zeros after the end of its log. If the disk has too little space, nothing is written. */
function lengthen(log: string): void {
  const file = openSync(log, "r+");
  const { size } = fstatSync(file);
  try {
    const zeros = Buffer.alloc(Math.max(0, roomBytes - size));
    const { bavail, bsize } = statfsSync(dirname(log));
    if (bavail * bsize < zeros.length)
      throw new Error(`it takes ${zeros.length} bytes of its disk, which has ${bavail * bsize} left`);
    for (let written = 0; written < zeros.length; )
      written += writeSync(file, zeros, written, zeros.length - written, size + written);
    fsyncSync(file);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  } finally {
    closeSync(file);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isSameFile(one: string, other: string): boolean {
  return statSync(one).ino === statSync(other, { throwIfNoEntry: false })?.ino;
}
