import type { FileHandle } from "node:fs/promises";
import { parseLogLine } from "./log-line.ts";

const blockBytes = 64 * 1024;
const newline = 0x0a;

/**
 * The position of the last `count` lines in the log file. Partial lines count together with the full one that
 * ends them. Reads from the end, only as much as is needed.
 */
export async function tailOffset(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  let position = size;
  let unread = Buffer.alloc(0);
  let found = 0;
  while (position > 0) {
    const length = Math.min(blockBytes, position);
    position -= length;
    unread = Buffer.concat([await readAt(file, position, length), unread]);
    for (let at = lineStart(unread); at !== undefined; at = lineStart(unread)) {
      if (endsLine(unread.subarray(at)) && ++found > count) return position + unread.length;
      unread = unread.subarray(0, at);
    }
  }
  return endsLine(unread) && found + 1 > count ? unread.length : 0;
}

/**
 * The position of the last line whose beginning is in the bytes; undefined if there is no newline before it.
 */
function lineStart(bytes: Buffer): number | undefined {
  const before = bytes.length < 2 ? -1 : bytes.lastIndexOf(newline, bytes.length - 2);
  return before === -1 ? undefined : before + 1;
}

function endsLine(line: Buffer): boolean {
  return parseLogLine(line)?.partial !== true && line.length > 0;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
