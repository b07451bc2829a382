import type { Clock } from "../../../ground/clock/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import type { Client } from "../../criclient/index.ts";
import { imageDirectory, imageIds, removeUnusedImages, usedImages } from "../../podlife/index.ts";
import { readLevels } from "./levels.ts";

export type ImageCollectionOptions = {
  readonly client: Client;
  readonly clock: Clock;
  readonly dataDir: string;
  /**
   * Used part of the images' file system, in percent, at which unused images are removed, and down to which.
   */
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly onProblem: (message: string) => void;
};

/** The kubelet's values (imageGCPeriod, imageMinimumGCAge). */
const periodMs = 300_000;
const leastAgeNs = 120_000_000_000n;

/** Removes unused images, least recently used first, when they fill the disk. */
export class ImageCollection implements AsyncDisposable {
  readonly #options: ImageCollectionOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** By image: when it was first seen, and when a container was last created from it. */
  readonly #seen = new Map<string, { readonly firstNs: bigint; readonly usedNs: bigint }>();

  constructor(options: ImageCollectionOptions) {
    this.#options = options;
    // Percentages of 100 and more are never reached.
    this.#running = options.highPercent >= 100 ? Promise.resolve() : this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { clock, onProblem } = this.#options;
    while (!signal.aborted) {
      await this.#collect().catch((error: unknown) =>
        onProblem(`unused images cannot be collected: ${messageOf(error)}`),
      );
      await clock.wait(periodMs, signal).catch(() => {});
    }
  }

  async #collect(): Promise<void> {
    const { client, clock, highPercent, lowPercent, onProblem } = this.#options;
    await this.#look();
    if ((await this.#usedPercent()) < highPercent) return;
    const nowNs = clock.nowNs();
    await removeUnusedImages(client, {
      onProblem,
      isOld: (id) => nowNs - (this.#seen.get(id)?.firstNs ?? nowNs) >= leastAgeNs,
      order: (id) => Number(this.#seen.get(id)?.usedNs ?? 0n),
      enough: async () => (await this.#usedPercent()) <= lowPercent,
    });
  }

  async #look(): Promise<void> {
    const { client, clock } = this.#options;
    const nowNs = clock.nowNs();
    const used = await usedImages(client);
    const there = await imageIds(client);
    for (const id of this.#seen.keys()) if (!there.has(id)) this.#seen.delete(id);
    for (const id of there) {
      const before = this.#seen.get(id) ?? { firstNs: nowNs, usedNs: 0n };
      this.#seen.set(id, used.has(id) ? { ...before, usedNs: nowNs } : before);
    }
  }

  async #usedPercent(): Promise<number> {
    const { client, dataDir } = this.#options;
    const level = (await readLevels(dataDir, await imageDirectory(client)))["imagefs.available"];
    return level === undefined || level.capacity === 0 ? 0 : 100 * (1 - level.available / level.capacity);
  }
}
