import { write, writeSync } from "node:fs";

const maxPendingChars = 8 << 20;
const retryDelayMs = 50;

/**
 * A file descriptor written asynchronously: one write at a time, lines of one turn of the event loop and
 * those that come meanwhile go out together. While whoever reads the descriptor does not, 8 Mi characters are
 * kept and further lines are dropped. What is pending when the process exits is written then.
 *
 * It stands in for pino's own destination, which never returns from its flush at exit once the reader is
 * gone, and ends the process with an uncaught error when the disk of a log is full.
 */
export class DescriptorDestination {
  readonly #fd: number;
  #pending: string[] = [];
  #pendingChars = 0;
  #writing = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes a whole line, with its newline. */
  write(line: string): void {
    if (this.#pendingChars + line.length > maxPendingChars) return;
    this.#pending.push(line);
    this.#pendingChars += line.length;
    if (this.#writing) return;
    this.#writing = true;
    // Only as long as there is something to write: one that is done with must not be kept for it.
    process.once("exit", this.#flush);
    // Not in this turn: the last words before an exit must not wait for a thread of the pool, which that exit
    // may not wait for.
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
      // A log that cannot be written must not end the daemon, and there is no other place to report it: the
      // chunk is dropped.
      if (error !== null || written === chunk.length) this.#writeNext();
      else this.#writeChunk(chunk.subarray(written));
    });
  }

  #takePending(): Buffer {
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
      // Nobody reads it any more, or its disk is full: the process is ending either way.
    }
  };
}
