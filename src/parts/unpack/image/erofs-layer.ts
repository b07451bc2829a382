import { closeSync, openSync, readSync, renameSync } from "node:fs";
import { BerthError } from "../../../ground/errors/index.ts";
import { checkedBytes, checkImage } from "../../erofs/index.ts";
import type { LayerReceiver } from "../layer-receiver.ts";
import { invalid } from "../unpack-error.ts";
import { layerImageFiles, makeImageDirectory, writeAll } from "./layer-image.ts";

/**
 * Keeps a layer that is an EROFS image as it comes, in a new directory. Its file has its name only when all
 * of it is there.
 */
export class ErofsLayer implements LayerReceiver {
  readonly #fd: number;
  readonly #path: string;
  #sizeBytes = 0;

  constructor(directory: string) {
    makeImageDirectory(directory);
    this.#path = layerImageFiles(directory).whole;
    this.#fd = openSync(partOf(this.#path), "wx+", 0o600);
  }

  take(bytes: Uint8Array): void {
    writeAll(this.#fd, bytes, "image");
    this.#sizeBytes += bytes.length;
  }

  finish(): readonly string[] {
    const head = Buffer.alloc(checkedBytes);
    const length = readSync(this.#fd, head, 0, head.length, 0);
    try {
      checkImage(head.subarray(0, length), this.#sizeBytes);
    } catch (cause) {
      if (!(cause instanceof BerthError)) throw cause;
      throw invalid(`the layer is no EROFS image that can be used: ${cause.message}`, { cause });
    }
    renameSync(partOf(this.#path), this.#path);
    return [];
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function partOf(path: string): string {
  return `${path}.part`;
}
