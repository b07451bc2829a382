import { write, writeSync } from "node:fs";

const maxPendingChars = 8 << 20;
const retryDelayMs = 50;

/**
 * A file descriptor that is written asynchronously: one write at a time, with all lines that have
 * accumulated. While nobody reads the descriptor, up to 8 Mi characters are buffered, and further lines
 * dropped. Pending lines are written at exit.
 *
 * It replaces pino's own destination, which hangs in its flush at exit once the reader is gone, and ends the
 * process with an uncaught error if the log's disk is full.
 */
export class DescriptorDestination {
  readonly #fd: number;
  #pending: string[] = [];
  #pendingChars = 0;
  #writing = false;
  /** False after a chunk that was written only in part. */
  #isAtLineStart = true;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes a complete line, with its newline. */
  write(line: string): void {
    if (this.#pendingChars + line.length > maxPendingChars) return;
    this.#pending.push(line);
    this.#pendingChars += line.length;
    if (this.#writing) return;
    this.#writing = true;
    // Only while there is something to write, so that it can be garbage-collected.
    process.once("exit", this.#flush);
    // Not in this turn: the last lines before an exit must not depend on a pool thread, which the exit may
    // not wait for.
    setImmediate(() => this.#writeNext());
  }

  #writeNext(): void {
    const chunk = this.#takePending();
    this.#writing = chunk.length > 0;
    if (this.#writing) this.#writeChunk(chunk);
    else process.off("exit", this.#flush);
  }

  #writeChunk(chunk: Buffer): void {
    write(this.#fd, chunk, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#writeChunk(chunk), retryDelayMs);
        return;
      }
      if (error === null) this.#isAtLineStart = written === chunk.length;
      // A log that cannot be written must not end the daemon, and there is no other place to report it: the
      // rest of the chunk is dropped.
      if (error !== null || written === chunk.length) this.#writeNext();
      else this.#writeChunk(chunk.subarray(written));
    });
  }

  #takePending(): Buffer {
    if (this.#pending.length > 0 && !this.#isAtLineStart) this.#pending.unshift("\n");
    const chunk = Buffer.from(this.#pending.join(""));
    this.#pending = [];
    this.#pendingChars = 0;
    return chunk;
  }

  readonly #flush = (): void => {
    let chunk = this.#takePending();
    try {
      while (chunk.length > 0) chunk = chunk.subarray(writeSync(this.#fd, chunk));
    } catch {
      // Nobody reads it any more, or its disk is full: the process is ending anyway.
    }
  };
}
