import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { JsonObject } from "../../ground/json/index.ts";
import type { AttachedNetwork, Attachment } from "./attachment.ts";

/**
 * Atomically replaces the file at `path`; it may still be lost in a power failure. Only for a thread that may
 * block. Throws the errors of the system calls.
 */
export function writeAttachment(path: string, attachment: Attachment): void {
  const partial = partialOf(path);
  try {
    writeFileSync(partial, JSON.stringify(attachment), { mode: 0o600 });
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

/** The temporary file, which then replaces the other. */
export function partialOf(path: string): string {
  return `${path}.new`;
}

/**
 * Appends the result of ADD of an attachment's only network to what {@link writeAttachment} wrote: replacing
 * the file would make ext4 wait for its data. A line truncated by a crash is ignored.
 */
export function writeResult(path: string, result: JsonObject): void {
  appendFileSync(path, `\n${JSON.stringify({ result } satisfies Pick<AttachedNetwork, "result">)}\n`);
}
