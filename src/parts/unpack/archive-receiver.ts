import { checkedBytes, isErofsImage } from "../erofs/index.ts";
import { TarReader } from "../tar/index.ts";
import type { LayerReceiver, LayerSink } from "./layer-receiver.ts";
import { invalid } from "./unpack-error.ts";

/**
 * Reads a layer's archive, and passes the entries to a sink. An EROFS image would be taken for an empty
 * archive, since it begins with zeros. It is rejected: snapshots are identified by the digests of their
 * layers, so an image that declares the layer an archive would leave other images, which declare it
 * correctly, with an empty one.
 */
export class ArchiveReceiver implements LayerReceiver {
  readonly #sink: LayerSink;
  readonly #reader: TarReader;
  #head = Buffer.alloc(0);

  constructor(sink: LayerSink) {
    this.#sink = sink;
    this.#reader = new TarReader(sink);
  }

  get entries(): number {
    return this.#reader.entries;
  }

  take(bytes: Uint8Array): void {
    if (this.#head.length < checkedBytes) this.#checkHead(bytes);
    this.#sink.received?.(bytes);
    this.#reader.push(bytes);
  }

  finish(): readonly string[] {
    this.#reader.finish();
    return this.#sink.finish();
  }

  #checkHead(bytes: Uint8Array): void {
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, checkedBytes - this.#head.length)]);
    if (isErofsImage(this.#head))
      throw invalid("it is an EROFS image, though its media type says that it is an archive");
  }

  [Symbol.dispose](): void {
    this.#sink[Symbol.dispose]();
  }
}
