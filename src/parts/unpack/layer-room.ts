import { KeptRoom, KeptRoomError } from "../../ground/fs/index.ts";
import type { Digest } from "../oci/index.ts";
import type { LayerLimits } from "./unpack.ts";
import { UnpackError } from "./unpack-error.ts";

/**
 * Enforces limits on a layer while it is unpacked: a few KiB may become gigabytes of zeros, or a million
 * files. Its methods throw UnpackError ResourceExhausted, which names the layer and the configuration key.
 */
export class LayerRoom {
  readonly #limits: LayerLimits;
  readonly #layer: string;
  readonly #kept: KeptRoom;
  #bytes = 0;

  /** `digest`: of the layer, if known. `directory`: an existing one, to which it is written. */
  constructor(limits: LayerLimits, digest: Digest | undefined, directory: string) {
    this.#limits = limits;
    this.#layer = digest === undefined ? "the layer" : `layer ${digest}`;
    this.#kept = new KeptRoom(directory, limits.minFreePercent);
  }

  /** Must be called before that many bytes of it are written. */
  take(bytes: number): void {
    this.#bytes += bytes;
    const { maxBytes } = this.#limits;
    if (maxBytes > 0 && this.#bytes > maxBytes)
      throw this.#refused(
        `has more than ${maxBytes} bytes when it is unpacked (images.max_layer_bytes, which 0 turns off)`,
      );
    try {
      this.#kept.take(bytes);
    } catch (error) {
      if (!(error instanceof KeptRoomError)) throw error;
      throw this.#refused(
        `is too large for this machine: ${error.message} (images.min_free_percent); remove images, or lower that key`,
      );
    }
  }

  /** `entries`: number of entries so far. */
  checkFiles(entries: number): void {
    const { maxFiles } = this.#limits;
    if (maxFiles > 0 && entries > maxFiles)
      throw this.#refused(`has more than ${maxFiles} files (images.max_layer_files, which 0 turns off)`);
  }

  #refused(why: string): UnpackError {
    return new UnpackError("ResourceExhausted", `${this.#layer} ${why}`);
  }
}
