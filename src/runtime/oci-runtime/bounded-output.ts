import type { Readable } from "node:stream";

/** Collects a stream up to a limit; the rest is read and thrown away, so that the writer never stands still. */
export class BoundedOutput {
  readonly #stream: Readable;
  readonly #chunks: Buffer[] = [];
  readonly #closed: Promise<void>;
  #room: number;

  constructor(stream: Readable, limitBytes: number) {
    this.#stream = stream;
    this.#room = limitBytes;
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#closed = new Promise((resolve) => {
      stream.once("close", resolve);
      // A stream that breaks ends with what it gave; its close follows.
      stream.once("error", () => undefined);
    });
  }

  /** Resolves when the writers are gone, or after `graceMs`: a process that was left in the background may hold the stream open for ever. */
  async ended(graceMs: number): Promise<void> {
    const grace = Promise.withResolvers<void>();
    const timer = setTimeout(grace.resolve, graceMs);
    await Promise.race([this.#closed, grace.promise]);
    clearTimeout(timer);
    this.#stream.destroy();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }

  #take(chunk: Buffer): void {
    if (this.#room === 0) return;
    const kept = chunk.subarray(0, this.#room);
    this.#room -= kept.length;
    this.#chunks.push(kept);
  }
}
