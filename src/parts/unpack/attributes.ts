import { chmodAt, chownAt, LinuxError, setTimesAt, setXattrAt } from "../../ground/linux/index.ts";
import type { EntryAttributes } from "../tar/index.ts";
import { invalid } from "./unpack-error.ts";

/** 2^32 - 1 would mean "leave as it is". */
const maxId = 0xfffffffe;

/**
 * The kind of a written file: Linux stores no mode for symbolic links, and user attributes only for files and
 * directories.
 */
export type Written = "file" | "directory" | "symlink" | "special";

/**
 * Sets the owner, attributes, mode and time of an entry on a name in an open directory. The order matters:
 * chown clears setuid and file capabilities, and every change in a directory changes its times, except for
 * its own utimensat. Throws UnpackError and LinuxError.
 */
export function applyAttributes(
  directory: number,
  name: string,
  attributes: EntryAttributes,
  written: Written,
): void {
  const { uid, gid, xattrs, mode, mtime } = attributes;
  checkOwner(attributes);
  chownAt(directory, name, { uid, gid });
  for (const [key, value] of xattrs) applyXattr(directory, name, key, value, written);
  if (written !== "symlink") chmodAt(directory, name, mode);
  setTimesAt(directory, name, mtime);
}

/** Throws UnpackError for an impossible owner. */
export function checkOwner({ uid, gid }: EntryAttributes): void {
  if (uid < 0 || gid < 0 || uid > maxId || gid > maxId) throw invalid(`owner ${uid}:${gid} is out of range`);
}

/**
 * `trusted.` attributes are for the host's administrator, and control overlayfs: those in an archive are
 * ignored, as are attributes that the file system cannot store. Other engines do the same.
 */
export function takesXattr(key: string, written: Written): boolean {
  if (key.startsWith("trusted.")) return false;
  return !key.startsWith("user.") || written === "file" || written === "directory";
}

function applyXattr(directory: number, name: string, key: string, value: Uint8Array, written: Written): void {
  if (!takesXattr(key, written)) return;
  try {
    setXattrAt(directory, name, key, value);
  } catch (error) {
    if (error instanceof LinuxError && (error.errno === "EOPNOTSUPP" || error.errno === "ENOTSUP")) return;
    throw error;
  }
}
