import type { OutputStream } from "../invocation.ts";
import { formatBytes, shortId } from "../output/units.ts";
import type { TransferProgress, TransferReporter, Transferred } from "./transfer-reporter.ts";

/** Prints a line for each layer that has arrived, as a script's log needs it. */
export class LayerLines implements TransferReporter {
  readonly #stream: OutputStream;
  readonly #noun: string;
  readonly #finished = new Set<string>();
  #count = 0;

  /** `noun`: what to call one of them. */
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
