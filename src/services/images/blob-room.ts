import { dirname } from "node:path";
import { KeptRoom, KeptRoomError } from "../../ground/fs/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import { noRoomError } from "./image-error.ts";

/** Keeps part of the file system free while a blob is written to the file of an ingest. */
export class BlobRoom {
  readonly #kept: KeptRoom;
  readonly #digest: Digest;

  constructor(ingest: string, minFreePercent: number, digest: Digest) {
    this.#kept = new KeptRoom(dirname(ingest), minFreePercent);
    this.#digest = digest;
  }

  /** To be called before writing that many bytes. Throws ImageError ResourceExhausted. */
  take(bytes: number): void {
    try {
      this.#kept.take(bytes);
    } catch (error) {
      throw error instanceof KeptRoomError ? noRoomError(`blob ${this.#digest}`, error) : error;
    }
  }
}
