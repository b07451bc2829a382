import { type FileHandle, open } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";

/** More than the longest line of the usual runtimes. */
const maxLineBytes = 1024 * 1024;
const newline = 0x0a;
const space = 0x20;

/**
 * What a container wrote last: of at most this many lines of its log, in the CRI format, at most this many
 * bytes. A line that was too long for the runtime is several lines of the log. Empty if there is no log.
 */
export async function endOfLog(path: string, maxLines: number, maxBytes: number): Promise<Buffer> {
  const file = await open(path).catch(ignoreMissing);
  if (file === undefined) return Buffer.alloc(0);
  await using log = file;
  const { size } = await log.stat();
  // Most logs have short lines, so that a small part is enough.
  for (let length = 16 * 1024; ; length *= 4) {
    const isWhole = length >= size;
    const lines = linesOf(await readEnd(log, size, Math.min(length, size)));
    // The first one may be cut.
    const known = (isWhole ? lines : lines.slice(1)).slice(-maxLines);
    const content = Buffer.concat(known.map(contentOf));
    if (isWhole || known.length === maxLines || content.length >= maxBytes || length > maxLineBytes)
      return content.subarray(-maxBytes);
  }
}

async function readEnd(log: FileHandle, size: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await log.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.subarray(0, bytesRead);
}

/** Each with its newline. */
function linesOf(text: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(newline, at);
    const next = end === -1 ? text.length : end + 1;
    lines.push(text.subarray(at, next));
    at = next;
  }
  return lines;
}

/** A line is a time, a stream, tags, and what was written; one with the tag P goes on in the next. */
function contentOf(line: Buffer): Buffer {
  const afterTime = line.indexOf(space);
  const afterStream = line.indexOf(space, afterTime + 1);
  const afterTags = line.indexOf(space, afterStream + 1);
  if (afterTime === -1 || afterStream === -1 || afterTags === -1) return Buffer.alloc(0);
  const isPartial = line.toString("latin1", afterStream + 1, afterTags).split(":")[0] === "P";
  const ends = isPartial && line.at(-1) === newline;
  return line.subarray(afterTags + 1, ends ? -1 : undefined);
}
