import { readSync } from "node:fs";
import type { TarWriter } from "./writer.ts";

const chunkBytes = 1024 * 1024;

/** Writes that many bytes of an open file, and what fills the last block. Throws when it has become shorter. */
export function copyBytes(tar: TarWriter, fd: number, sizeBytes: number, about: string): void {
  const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(1, sizeBytes)));
  for (let left = sizeBytes; left > 0; ) {
    const read = readSync(fd, buffer, 0, Math.min(buffer.length, left), null);
    if (read === 0) throw new Error(`${about} became shorter while it was read`);
    tar.write(buffer.subarray(0, read));
    left -= read;
  }
  tar.pad(sizeBytes);
}
