import { accessSync, constants } from "node:fs";
import { messageOf } from "../errors/index.ts";
import { isErrno } from "../fs/index.ts";
import { MetadataError } from "./metadata-error.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const sqliteBusy = 5;
const sqliteReadOnly = 8;
const sqliteIoError = 10;
const sqliteCantOpen = 14;
const sqliteCorrupt = 11;
const sqliteFull = 13;
const sqliteNotADatabase = 26;

/**
 * Translates an error of SQLite about the database at `path`; the message includes SQLite's own if that says
 * more.
 */
export function toMetadataError(error: unknown, step: string, path: string): MetadataError {
  if (error instanceof MetadataError) return error;
  switch (primaryCode(error)) {
    case sqliteBusy:
      return new MetadataError(
        "FailedPrecondition",
        `${step} ${path}: it is in use by another process; two daemons cannot share one root directory`,
      );
    case sqliteFull:
      return new MetadataError("ResourceExhausted", `${step} ${path}: the disk is full; nothing was changed`);
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return damaged(path, messageOf(error));
    case sqliteReadOnly:
    case sqliteIoError:
    case sqliteCantOpen:
      return new MetadataError("Internal", `${step} ${path}: ${messageOf(error)}${whyNotWritable(path)}`);
    default:
      return new MetadataError("Internal", `${step} ${path}: ${messageOf(error)}`);
  }
}

/** For a disk that has failed and was made read-only, SQLite reports the same as for any other I/O error. */
function whyNotWritable(path: string): string {
  try {
    accessSync(path, constants.W_OK);
    return "; check the kernel's messages about the disk (dmesg)";
  } catch (error) {
    return isErrno(error, "EROFS")
      ? "; its file system is read-only: find out why (dmesg), and remount it writable"
      : `; ${messageOf(error)}`;
  }
}

/** A file that cannot be trusted; it is not changed. */
export function damaged(path: string, finding: string): MetadataError {
  return new MetadataError(
    "DataLoss",
    `database ${path} is damaged (${finding}) and was not changed. Keep a copy of it and of ${path}-wal, ` +
      `check it with: sqlite3 ${path} "PRAGMA integrity_check", save what can be read with: sqlite3 ${path} .recover; ` +
      "or restore a backup, or move it away to start with an empty one (which loses pods and images)",
  );
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined;
  return error.errcode & 0xff;
}
