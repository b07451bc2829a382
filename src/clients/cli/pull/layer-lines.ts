import { berthV1 } from "../../../ground/protocol/index.ts";
import type { OutputStream } from "../invocation.ts";
import { formatBytes, shortId } from "../output/units.ts";
import type { PullReporter } from "./pull-reporter.ts";

const { LAYER_STATE_DONE, LAYER_STATE_EXISTS } = berthV1.LayerState;

/** A line for each layer that has arrived: what a log of a script needs. */
export class LayerLines implements PullReporter {
  readonly #stream: OutputStream;
  readonly #finished = new Set<string>();
  #count = 0;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  resolved(layers: readonly berthV1.Layer[]): void {
    this.#count = layers.length;
    const bytes = layers.reduce((sum, { size }) => sum + size, 0n);
    this.#stream.write(`${layers.length} layer${layers.length === 1 ? "" : "s"}, ${formatBytes(bytes)}\n`);
  }

  progress({ digest, state, totalBytes }: berthV1.LayerProgress): void {
    if ((state !== LAYER_STATE_DONE && state !== LAYER_STATE_EXISTS) || this.#finished.has(digest)) return;
    this.#finished.add(digest);
    const word = state === LAYER_STATE_EXISTS ? "already here" : "done";
    this.#stream.write(
      `[${this.#finished.size}/${this.#count}] ${shortId(digest)} ${word} (${formatBytes(totalBytes)})\n`,
    );
  }

  [Symbol.dispose](): void {}
}
