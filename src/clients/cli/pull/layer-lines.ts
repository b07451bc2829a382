import type { OutputStream } from "../invocation.ts";
import { formatBytes, shortId } from "../output/units.ts";
import type { TransferProgress, TransferReporter, Transferred } from "./transfer-reporter.ts";

/** A line for each layer that has arrived: what a log of a script needs. */
export class LayerLines implements TransferReporter {
  readonly #stream: OutputStream;
  readonly #noun: string;
  readonly #finished = new Set<string>();
  #count = 0;

  /** `noun`: what one of them is called. */
  constructor(stream: OutputStream, noun: string) {
    this.#stream = stream;
    this.#noun = noun;
  }

  resolved(all: readonly Transferred[]): void {
    this.#count = all.length;
    const bytes = all.reduce((sum, { size }) => sum + size, 0n);
    this.#stream.write(`${all.length} ${this.#noun}${all.length === 1 ? "" : "s"}, ${formatBytes(bytes)}\n`);
  }

  progress({ digest, state, word, totalBytes }: TransferProgress): void {
    if (state === "moving" || this.#finished.has(digest)) return;
    this.#finished.add(digest);
    this.#stream.write(
      `[${this.#finished.size}/${this.#count}] ${shortId(digest)} ${word} (${formatBytes(totalBytes)})\n`,
    );
  }

  [Symbol.dispose](): void {}
}
