import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../fs/index.ts";

/** More would block the caller for too long. */
const fewEntries = 64;

/**
 * Removes a directory with few files and empty directories at once, without a thread: only for one in memory
 * (on a tmpfs). False if it has anything else, or is or contains a mount point; part of it may be removed
 * then, but nothing behind a mount point.
 */
export function removeNow(directory: string): boolean {
  try {
    // Fails with EBUSY for a mount point, before anything in it is touched.
    if (tryRemove(directory) === "gone") return true;
    const entries = readdirSync(directory, { withFileTypes: true });
    if (entries.length > fewEntries) return false;
    for (const entry of entries) (entry.isDirectory() ? rmdirSync : unlinkSync)(join(directory, entry.name));
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return false;
    throw error;
  }
}

function tryRemove(directory: string): "gone" | "notEmpty" {
  try {
    rmdirSync(directory);
    return "gone";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "gone";
    if (isErrno(error, "ENOTEMPTY")) return "notEmpty";
    throw error;
  }
}
