import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";

/** Copies what a process puts out, with back-pressure, until it ends or the sink is closed; then the process finds its pipe closed. */
export class OutputCopy {
  readonly #source: Socket;
  readonly #ended: Promise<true>;

  /** Without a sink all is thrown away. */
  constructor(source: Socket, sink: Writable | undefined) {
    this.#source = source;
    this.#ended = new Promise((resolve) => {
      for (const event of ["end", "close"]) source.once(event, () => resolve(true));
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
   * Resolves when all output was taken. To be called when the process has exited: what it left is at hand then, so when
   * nothing more comes for `quietMs` while the sink takes what comes, only something that it left running holds the pipe.
   */
  async ended(quietMs: number): Promise<void> {
    for (let before = -1; before !== this.bytes || this.#source.isPaused(); ) {
      before = this.bytes;
      if (await Promise.race([this.#ended, sleep(quietMs, false, { ref: false })])) break;
      // After a standstill of the main thread timers come first, and then what can be read.
      await turn();
    }
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
