import type { Socket } from "node:net";
import type { Writable } from "node:stream";

/**
 * Copies what a process puts out, with back-pressure, until it ends or the sink is closed; then the process
 * finds its pipe closed.
 */
export class OutputCopy {
  readonly #source: Socket;
  readonly #ended: Promise<void>;

  /** Without a sink all is thrown away. */
  constructor(source: Socket, sink: Writable | undefined) {
    this.#source = source;
    this.#ended = new Promise((resolve) => {
      for (const event of ["end", "close"]) source.once(event, () => resolve());
    });
    // A pipe that breaks ends with what it gave; its close follows.
    source.on("error", () => undefined);
    if (sink === undefined) source.resume();
    else connect(source, sink);
  }

  /** Bytes that came. */
  get bytes(): number {
    return this.#source.bytesRead;
  }

  /**
   * Resolves when the pipe has no writer any more, which may be long after the command's end, and all that
   * they wrote was taken; or when `signal` aborts.
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

/** Waits for what never rejects, or until `signal` aborts. */
export async function settledBy(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([promise, aborted.promise]);
  signal.removeEventListener("abort", abort);
}
