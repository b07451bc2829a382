import { closeSync, openSync, renameSync } from "node:fs";
import { BerthError } from "../../../ground/errors/index.ts";
import { checkedBytes, checkImage } from "../../erofs/index.ts";
import type { LayerReceiver } from "../layer-receiver.ts";
import { invalid } from "../unpack-error.ts";
import { layerImageFiles, makeImageDirectory, writeAll } from "./layer-image.ts";

/**
 * Stores a layer that is an EROFS image unchanged, in a new directory. Its file gets its final name only when
 * it is complete.
 */
export class ErofsLayer implements LayerReceiver {
  readonly entries = 0;
  readonly #fd: number;
  readonly #path: string;
  #head = Buffer.alloc(0);
  #sizeBytes = 0;

  constructor(directory: string) {
    makeImageDirectory(directory);
    this.#path = layerImageFiles(directory).whole;
    this.#fd = openSync(partOf(this.#path), "wx+", 0o600);
  }

  take(bytes: Uint8Array): void {
    if (this.#head.length < checkedBytes) this.#takeHead(bytes);
    writeAll(this.#fd, bytes, "image");
    this.#sizeBytes += bytes.length;
  }

  finish(): readonly string[] {
    this.#check(this.#sizeBytes);
    renameSync(partOf(this.#path), this.#path);
    return [];
  }

  /** If it is not an image, nothing more is written, however large it is uncompressed. */
  #takeHead(bytes: Uint8Array): void {
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, checkedBytes - this.#head.length)]);
    if (this.#head.length === checkedBytes) this.#check(Number.POSITIVE_INFINITY);
  }

  #check(sizeBytes: number): void {
    try {
      checkImage(this.#head, sizeBytes);
    } catch (cause) {
      if (!(cause instanceof BerthError)) throw cause;
      throw invalid(`the layer is not a usable EROFS image: ${cause.message}`, { cause });
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function partOf(path: string): string {
  return `${path}.part`;
}
