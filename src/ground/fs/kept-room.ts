import { type StatsFs, statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { BerthError } from "../errors/index.ts";

/** How many bytes may be written between checks of the file system. */
const lookEveryBytes = 16 * 1024 * 1024;

/** The write would not leave enough space for others (ResourceExhausted). */
export class KeptRoomError extends BerthError {}

/**
 * Keeps part of a file system free while others' data, such as a layer, is written: the writer announces
 * bytes, and every 16 MiB the file system is checked.
 */
export class KeptRoom {
  readonly #directory: string;
  readonly #minFreePercent: number;
  #unseenBytes = lookEveryBytes;

  /**
   * `directory` exists on the file system. `minFreePercent`: how much of its space and inodes must stay free,
   * not counting what is reserved for root; 0 disables this.
   */
  constructor(directory: string, minFreePercent: number) {
    this.#directory = directory;
    this.#minFreePercent = minFreePercent;
  }

  /** Must be called before the bytes are written, on threads that may block. Throws {@link KeptRoomError}. */
  take(bytes: number): void {
    if (this.#isWorthALook(bytes)) this.#look(statfsSync(this.#directory), bytes);
  }

  /** The same without blocking. */
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
    // Some file systems create inodes on demand and report no number.
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
