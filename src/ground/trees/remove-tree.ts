import { opendirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { isErrno } from "../fs/index.ts";
import { closeFile, LinuxError, openDirectory, pathAt, toByteString, unlinkAt } from "../linux/index.ts";
import { mountedError, TreeCursor } from "./tree-cursor.ts";

/** Entries that are read at a time, so that a directory of millions is never completely in memory. */
const bufferSize = 1024;
/** A limit, because others may still write into the directory. */
const maxSweeps = 10;

/**
 * Deletes a directory with everything in it, or a file; not an error if nothing is there. Synchronous, for
 * worker threads: takes some microseconds for each file, and some hundred bytes of memory for each
 * subdirectory of a directory. Throws LinuxError, and TreeError FailedPrecondition for a mount point in it,
 * behind which nothing is deleted.
 */
export function removeTree(path: string): void {
  const name = toByteString(basename(path));
  const parent = openParentOf(path);
  if (parent === undefined) return;
  try {
    if (unlinkFile(parent, name, path) !== "directory") return;
    for (let sweeps = 1; ; sweeps++) {
      emptyDirectory(path);
      if (removeEmpty(parent, name, path, sweeps)) return;
    }
  } finally {
    closeFile(parent);
  }
}

/** One level of the way down. */
type Level = { readonly name: string; readonly subdirectories: string[]; readonly sweeps: number };

function emptyDirectory(path: string): void {
  using cursor = new TreeCursor(path);
  const levels: Level[] = [{ name: "", subdirectories: unlinkFiles(cursor, path), sweeps: 1 }];
  const enter = (name: string, sweeps: number) => {
    cursor.down(name);
    levels.push({ name, subdirectories: unlinkFiles(cursor, path), sweeps });
  };
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.subdirectories.pop();
    if (next !== undefined) {
      enter(next, 1);
      continue;
    }
    levels.pop();
    if (levels.length === 0) return;
    cursor.up();
    if (!removeEmpty(cursor.directory, level.name, path, level.sweeps)) enter(level.name, level.sweeps + 1);
  }
}

/** Deletes everything except directories, whose names it returns. */
function unlinkFiles(cursor: TreeCursor, path: string): string[] {
  const subdirectories: string[] = [];
  const options = { encoding: "latin1", bufferSize } as const;
  using entries = opendirSync(pathAt(cursor.directory, "."), options);
  for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
    const isDirectory = entry.isDirectory() || unlinkFile(cursor.directory, entry.name, path) === "directory";
    if (isDirectory) subdirectories.push(entry.name);
  }
  return subdirectories;
}

function unlinkFile(directory: number, name: string, path: string): "gone" | "directory" {
  try {
    unlinkAt(directory, name);
  } catch (error) {
    const errno = error instanceof LinuxError ? error.errno : "";
    if (errno === "EISDIR") return "directory";
    if (errno === "EBUSY") throw mountedError(path, name);
    if (errno !== "ENOENT") throw error;
  }
  return "gone";
}

/** False if it is not empty: there are new entries, or some were not seen. */
function removeEmpty(directory: number, name: string, path: string, sweeps: number): boolean {
  try {
    unlinkAt(directory, name, { directory: true });
  } catch (error) {
    const errno = error instanceof LinuxError ? error.errno : "";
    if (errno === "ENOTEMPTY" && sweeps < maxSweeps) return false;
    if (errno === "EBUSY") throw mountedError(path, name);
    if (errno !== "ENOENT") throw error;
  }
  return true;
}

function openParentOf(path: string): number | undefined {
  try {
    return openDirectory(dirname(path));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
