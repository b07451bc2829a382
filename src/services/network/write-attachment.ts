import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { JsonObject } from "../../ground/json/index.ts";
import type { AttachedNetwork, Attachment } from "./attachment.ts";

/**
 * Replaces what was written at `path`, in one step; a power loss may still take it. Only for a thread that
 * may wait. Throws the errors of the system calls.
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

/** The file that is being written, and takes the place of the other then. */
export function partialOf(path: string): string {
  return `${path}.new`;
}

/**
 * Writes down what ADD of the only network of an attachment gave, behind what {@link writeAttachment} wrote:
 * ext4 waits for the data of a file that takes another's place. What a crash cuts off counts for nothing.
 */
export function writeResult(path: string, result: JsonObject): void {
  appendFileSync(path, `\n${JSON.stringify({ result } satisfies Pick<AttachedNetwork, "result">)}\n`);
}
