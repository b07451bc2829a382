import { readSync } from "node:fs";
import type { TarStream } from "./tar-stream.ts";

const chunkBytes = 1024 * 1024;

export type CopyOptions = {
  /** For errors. */
  readonly about: string;
  /** Where the file has become shorter, zeros stand for what is missing; without it, that is an error. */
  readonly fill?: boolean;
};

/** Writes that many bytes of an open file, and what fills the last block. */
export function copyBytes(
  tar: TarStream,
  fd: number,
  sizeBytes: number,
  { about, fill = false }: CopyOptions,
): void {
  const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(1, sizeBytes)));
  for (let left = sizeBytes; left > 0; ) {
    const wanted = Math.min(buffer.length, left);
    const read = readSync(fd, buffer, 0, wanted, null);
    if (read === 0 && !fill) throw new Error(`${about} was truncated while it was read`);
    const taken = read === 0 ? buffer.fill(0).subarray(0, wanted) : buffer.subarray(0, read);
    tar.write(taken);
    left -= taken.length;
  }
  tar.pad(sizeBytes);
}
