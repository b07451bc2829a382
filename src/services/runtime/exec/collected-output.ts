import { Writable } from "node:stream";
import { BoundedBytes } from "../oci-runtime/bounded-output.ts";

/** A sink that keeps what is written up to a limit; the rest is thrown away. It takes everything at once. */
export class CollectedOutput extends Writable {
  readonly #kept: BoundedBytes;

  constructor(limitBytes: number) {
    // More than any chunk: nobody has to wait for it.
    super({ highWaterMark: 1024 * 1024, decodeStrings: false });
    this.#kept = new BoundedBytes(limitBytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#kept.add(chunk);
    done();
  }

  /** Not a copy, and gone when more comes. */
  bytes(): Buffer {
    return this.#kept.bytes();
  }
}
