import { KeptRoom, KeptRoomError } from "../../ground/fs/index.ts";
import type { Digest } from "../oci/index.ts";
import type { LayerLimits } from "./unpack.ts";
import { UnpackError } from "./unpack-error.ts";

/**
 * Holds a layer to its limits while it is unpacked: a few KiB may be gigabytes of zeros, or a million files.
 * Its methods throw UnpackError ResourceExhausted, which names the layer and the key of the configuration.
 */
export class LayerRoom {
  readonly #limits: LayerLimits;
  readonly #layer: string;
  readonly #kept: KeptRoom;
  #bytes = 0;

  /** `digest`: of the layer, where it is known. `directory`: that it is written to, which is there. */
  constructor(limits: LayerLimits, digest: Digest | undefined, directory: string) {
    this.#limits = limits;
    this.#layer = digest === undefined ? "the layer" : `layer ${digest}`;
    this.#kept = new KeptRoom(directory, limits.minFreePercent);
  }

  /** To be called before so many bytes of it are written. */
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

  /** `entries`: so many have come of it. */
  checkFiles(entries: number): void {
    const { maxFiles } = this.#limits;
    if (maxFiles > 0 && entries > maxFiles)
      throw this.#refused(`has more than ${maxFiles} files (images.max_layer_files, which 0 turns off)`);
  }

  #refused(why: string): UnpackError {
    return new UnpackError("ResourceExhausted", `${this.#layer} ${why}`);
  }
}
