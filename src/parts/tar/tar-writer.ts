import { writeSync } from "node:fs";
import { blockBytes, setSize, type TarEntry, tarHeader } from "./header.ts";
import { TarStream } from "./tar-stream.ts";

/** Writes a tar archive to an open file that is empty. Throws Node's own errors. */
export class TarWriter extends TarStream {
  readonly #fd: number;
  #position = 0;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  /** A file whose size is known only when `write` has written it: its header is put right afterwards. */
  nested(entry: TarEntry, write: () => void): void {
    const header = tarHeader(entry);
    this.write(header);
    this.flush();
    const start = this.#position;
    write();
    this.flush();
    const sizeBytes = this.#position - start;
    this.pad(sizeBytes);
    this.flush();
    const block = header.subarray(-blockBytes);
    setSize(block, sizeBytes);
    writeAll(this.#fd, block, start - blockBytes);
  }

  protected override put(bytes: Buffer): void {
    writeAll(this.#fd, bytes, this.#position);
    this.#position += bytes.length;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
}
