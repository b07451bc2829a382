import { type TarEntry, tarEnd, tarHeader, tarPadding } from "./header.ts";

const bufferBytes = 1024 * 1024;

/**
 * Makes a tar archive, in pax format, of entries in the order in which they come, synchronously. Throws what
 * `put` throws.
 */
export abstract class TarStream {
  readonly #buffer = Buffer.alloc(bufferBytes);
  #buffered = 0;

  /**
   * Takes the archive's next bytes, a MiB unless it was flushed. The buffer is used again when this returns.
   */
  protected abstract put(bytes: Buffer): void;

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
      if (this.#buffered === bufferBytes) this.flush();
    }
  }

  /** Ends a file of that many bytes. */
  pad(sizeBytes: number): void {
    this.write(tarPadding(sizeBytes));
  }

  /** The two blocks that end an archive, or one within another. */
  end(): void {
    this.write(tarEnd);
    this.flush();
  }

  protected flush(): void {
    if (this.#buffered === 0) return;
    this.put(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }
}
