import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../fs/index.ts";

/** More take longer than the caller may be held up. */
const fewEntries = 64;

/**
 * Removes a directory of few files and empty directories at once, without a thread: only for one that lies in
 * memory (a tmpfs). False when it is another kind, or a mount point, or has one in it; some of it may be gone
 * then, and nothing behind a mount point.
 */
export function removeNow(directory: string): boolean {
  try {
    // Says EBUSY for a mount point, before anything in it has been touched.
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
