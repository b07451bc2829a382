import type { Readable } from "node:stream";

const limitBytes = 4096;

/** The beginning of what a stream gives, beside whoever reads it. */
export class StreamHead {
  #bytes = Buffer.alloc(0);

  constructor(stream: Readable) {
    stream.on("data", (chunk: Buffer) => {
      const room = limitBytes - this.#bytes.length;
      if (room > 0) this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, room)]);
    });
  }

  text(): string {
    return this.#bytes.toString("utf8");
  }
}
