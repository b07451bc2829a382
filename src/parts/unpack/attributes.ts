import { chmodAt, chownAt, LinuxError, setTimesAt, setXattrAt } from "../../ground/linux/index.ts";
import type { EntryAttributes } from "../tar/index.ts";
import { invalid } from "./unpack-error.ts";

/** 2^32 - 1 would mean "leave as it is". */
const maxId = 0xfffffffe;

/**
 * What was written: Linux keeps no mode for symbolic links, and user attributes for files and directories
 * only.
 */
export type Written = "file" | "directory" | "symlink" | "special";

/**
 * Gives a name in an open directory the owner, attributes, mode and time of an entry. The order matters:
 * chown clears setuid and file capabilities, and everything changes the times of a directory but its own
 * utimensat. Throws UnpackError and LinuxError.
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

/** Throws UnpackError for an owner that there cannot be. */
export function checkOwner({ uid, gid }: EntryAttributes): void {
  if (uid < 0 || gid < 0 || uid > maxId || gid > maxId) throw invalid(`owner ${uid}:${gid} is out of range`);
}

/**
 * `trusted.` attributes are for the host's administrator, and overlayfs takes orders from them: an archive's
 * are left out, as are attributes that the file system cannot hold. So do other engines.
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
