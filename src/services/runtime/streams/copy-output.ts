import type { Socket } from "node:net";
import type { Writable } from "node:stream";

/**
 * Copies a process's output, with back-pressure, until it ends or the sink is closed; then the process's pipe
 * is closed.
 */
export class OutputCopy {
  readonly #source: Socket;
  readonly #ended: Promise<void>;

  /** Without a sink, output is discarded. */
  constructor(source: Socket, sink: Writable | undefined) {
    this.#source = source;
    this.#ended = new Promise((resolve) => {
      for (const event of ["end", "close"]) source.once(event, () => resolve());
    });
    // After an error, the output ends; the close event follows.
    source.on("error", () => undefined);
    if (sink === undefined) source.resume();
    else connect(source, sink);
  }

  /** Number of bytes read. */
  get bytes(): number {
    return this.#source.bytesRead;
  }

  /**
   * Resolves when the pipe has no writer any more, which may be long after the command's end, and all output
   * was read; or when `signal` aborts.
   */
  async ended(signal: AbortSignal): Promise<void> {
    await settledBy(this.#ended, signal);
    this.#source.destroy();
  }
}

function connect(source: Socket, sink: Writable): void {
  const close = () => {
    source.destroy();
  };
  if (sink.destroyed) close();
  sink.once("close", close);
  source.once("close", () => sink.off("close", close));
  source.on("data", (chunk: Buffer) => {
    if (sink.write(chunk) || sink.destroyed) return;
    source.pause();
    sink.once("drain", () => source.resume());
  });
}

/** Waits for a promise that never rejects, or until `signal` aborts. */
export async function settledBy(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([promise, aborted.promise]);
  signal.removeEventListener("abort", abort);
}
