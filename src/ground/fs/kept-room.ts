import { type StatsFs, statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { BerthError } from "../errors/index.ts";

/** Less than that is not worth a look at the file system. */
const lookEveryBytes = 16 * 1024 * 1024;

/** More was to be written than leaves room for others (ResourceExhausted). */
export class KeptRoomError extends BerthError {}

/**
 * Keeps part of a file system free while something is written that others made, such as a layer: whoever
 * writes says what, and every 16 MiB the file system is asked.
 */
export class KeptRoom {
  readonly #directory: string;
  readonly #minFreePercent: number;
  #unseenBytes = lookEveryBytes;

  /**
   * `directory` is on the file system, and is there. `minFreePercent`: how much of it, and of its inodes,
   * must stay free, not counting what is kept for root; 0 for nothing.
   */
  constructor(directory: string, minFreePercent: number) {
    this.#directory = directory;
    this.#minFreePercent = minFreePercent;
  }

  /**
   * To be called before so many bytes are written, by threads that may wait for the file system. Throws
   * {@link KeptRoomError}.
   */
  take(bytes: number): void {
    if (this.#isWorthALook(bytes)) this.#look(statfsSync(this.#directory), bytes);
  }

  /** The same, where others must not wait. */
  async takeAside(bytes: number): Promise<void> {
    if (this.#isWorthALook(bytes)) this.#look(await statfs(this.#directory), bytes);
  }

  #isWorthALook(bytes: number): boolean {
    if (this.#minFreePercent === 0) return false;
    this.#unseenBytes += bytes;
    if (this.#unseenBytes < lookEveryBytes) return false;
    this.#unseenBytes = 0;
    return true;
  }

  #look({ bavail, blocks, bsize, ffree, files }: StatsFs, bytes: number): void {
    this.#check(bavail * bsize - bytes, blocks * bsize, "bytes");
    // Some file systems make inodes as they need them, and have no number of them.
    if (files > 0) this.#check(ffree, files, "inodes");
  }

  #check(free: number, total: number, unit: string): void {
    const kept = Math.ceil((total * this.#minFreePercent) / 100);
    if (free >= kept) return;
    throw new KeptRoomError(
      "ResourceExhausted",
      `the file system of ${this.#directory} would have fewer than ${kept} ${unit} free, ${this.#minFreePercent}% of it`,
    );
  }
}
