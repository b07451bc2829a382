import { TarReader } from "../tar/index.ts";
import type { LayerReceiver } from "./layer-receiver.ts";
import type { LayerSink } from "./layer-sink.ts";

/** Reads a layer's archive, and gives the entries to a sink. */
export class ArchiveReceiver implements LayerReceiver {
  readonly #sink: LayerSink;
  readonly #reader: TarReader;

  constructor(sink: LayerSink) {
    this.#sink = sink;
    this.#reader = new TarReader(sink);
  }

  take(bytes: Uint8Array): void {
    this.#sink.received?.(bytes);
    this.#reader.push(bytes);
  }

  finish(): readonly string[] {
    this.#reader.finish();
    return this.#sink.finish();
  }

  [Symbol.dispose](): void {
    this.#sink[Symbol.dispose]();
  }
}
