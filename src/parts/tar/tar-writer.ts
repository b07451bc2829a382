import { writeSync } from "node:fs";
import { blockBytes, setSize, type TarEntry, tarEnd, tarHeader, tarPadding } from "./header.ts";

const bufferBytes = 1024 * 1024;

/** Writes a tar archive, in pax format, to an open file that is empty, synchronously. Throws Node's own errors. */
export class TarWriter {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(bufferBytes);
  #buffered = 0;
  #position = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Begins an entry; a file's bytes come by {@link write} and are closed by {@link pad}. */
  begin(entry: TarEntry): void {
    this.write(tarHeader(entry));
  }

  write(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const room = Math.min(bufferBytes - this.#buffered, bytes.length - taken);
      this.#buffer.set(bytes.subarray(taken, taken + room), this.#buffered);
      this.#buffered += room;
      taken += room;
      if (this.#buffered === bufferBytes) this.#flush();
    }
  }

  /** Ends a file of that many bytes. */
  pad(sizeBytes: number): void {
    this.write(tarPadding(sizeBytes));
  }

  /** A file whose size is known only when `write` has written it: its header is put right afterwards. */
  nested(entry: TarEntry, write: () => void): void {
    const header = tarHeader(entry);
    this.write(header);
    this.#flush();
    const start = this.#position;
    write();
    this.#flush();
    const sizeBytes = this.#position - start;
    this.pad(sizeBytes);
    this.#flush();
    const block = header.subarray(-blockBytes);
    setSize(block, sizeBytes);
    writeAll(this.#fd, block, start - blockBytes);
  }

  /** The two blocks that end an archive, or one within another. */
  end(): void {
    this.write(tarEnd);
    this.#flush();
  }

  #flush(): void {
    writeAll(this.#fd, this.#buffer.subarray(0, this.#buffered), this.#position);
    this.#position += this.#buffered;
    this.#buffered = 0;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
}
