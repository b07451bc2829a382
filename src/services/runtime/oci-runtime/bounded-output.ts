import type { Readable } from "node:stream";
import { settledBy } from "../streams/copy-output.ts";

const firstBytes = 4096;

/** Collects a stream up to a limit; the rest is read and discarded, so that the writer never blocks. */
export class BoundedOutput {
  readonly #stream: Readable;
  readonly #closed: Promise<void>;
  readonly #kept: BoundedBytes;

  constructor(stream: Readable, limitBytes: number) {
    this.#stream = stream;
    this.#kept = new BoundedBytes(limitBytes);
    stream.on("data", (chunk: Buffer) => this.#kept.add(chunk));
    this.#closed = new Promise((resolve) => {
      stream.once("close", resolve);
      // After an error, the output ends; the close event follows.
      stream.once("error", () => undefined);
    });
  }

  /**
   * Resolves when the writers are gone, or after `graceMs`: a background process may hold the stream open
   * forever.
   */
  async ended(graceMs: number): Promise<void> {
    const grace = new AbortController();
    const timer = setTimeout(() => grace.abort(), graceMs);
    await this.endedBy(grace.signal);
    clearTimeout(timer);
  }

  /** The same, until `limit` aborts. */
  async endedBy(limit: AbortSignal): Promise<void> {
    await settledBy(this.#closed, limit);
    this.#stream.destroy();
  }

  /** See {@link BoundedBytes.bytes}. */
  bytes(): Buffer {
    return this.#kept.bytes();
  }

  text(): string {
    return this.bytes().toString("utf8");
  }
}

/** Bytes up to a limit; the rest is discarded. */
export class BoundedBytes {
  readonly #limitBytes: number;
  /**
   * Separate memory, filled up to `length`: each chunk of a stream holds more memory than its bytes, and
   * there may be one for each byte.
   */
  #memory = new ArrayBuffer(0);
  #length = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Not a copy; invalid once more is added. */
  bytes(): Buffer {
    return Buffer.from(this.#memory, 0, this.#length);
  }

  add(chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#limitBytes - this.#length);
    if (kept.length === 0) return;
    this.#reserve(this.#length + kept.length);
    kept.copy(new Uint8Array(this.#memory), this.#length);
    this.#length += kept.length;
  }

  /** Grows in place if possible, and creates no garbage. */
  #reserve(bytes: number): void {
    const present = this.#memory.byteLength;
    if (bytes <= present) return;
    const larger = Math.min(Math.max(bytes, firstBytes, 2 * present), this.#limitBytes);
    this.#memory = this.#memory.transfer(larger);
  }
}
