import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { nowNs } from "../../ground/clock/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { Image, ImageCatalog } from "./images.ts";

/** When images are removed because the disk fills up; the terms are a kubelet's. */
export type ThresholdOptions = {
  /** Of the file system that is in use, in percent: from here on images are removed; 0: never. */
  readonly highPercent: number;
  /** Until no more than this is in use. */
  readonly lowPercent: number;
  /** None that was used, or got a name, more recently than this. */
  readonly minAgeMs: number;
  readonly periodMs: number;
};

export type DiskThresholdsParts = {
  readonly images: Pick<ImageCatalog, "list" | "freeSpace">;
  /** On the file system that holds images. */
  readonly directory: string;
  /** Whether a container needs it. */
  readonly isUsed: (image: Image) => boolean;
  readonly logger: Logger;
};

/**
 * Looks from time to time how full the disk is, and removes images that nobody uses, those first that have
 * been unused for longest. When an image was used last is known from this process alone: after a restart it
 * is when it got its name.
 */
export class DiskThresholds {
  readonly #options: ThresholdOptions;
  readonly #parts: DiskThresholdsParts;
  readonly #usedAtNs = new Map<Digest, bigint>();
  readonly #closed = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ThresholdOptions, parts: DiskThresholdsParts) {
    this.#options = options;
    this.#parts = parts;
  }

  start(): void {
    if (this.#options.highPercent > 0) this.#running = this.#run();
  }

  /** One look. Throws what reading the disk's state and removing images throw. */
  async check(): Promise<void> {
    const { images, isUsed, logger, directory } = this.#parts;
    const { highPercent, lowPercent, minAgeMs } = this.#options;
    const now = nowNs();
    this.#noteUse(now);
    const { totalBytes, availableBytes } = await roomOf(directory);
    const usedPercent = 100 - (availableBytes * 100) / totalBytes;
    if (usedPercent < highPercent) return;
    const wantedBytes = Math.ceil((totalBytes * (100 - lowPercent)) / 100) - availableBytes;
    if (wantedBytes <= 0) return;
    const freed = await images.freeSpace({
      bytes: wantedBytes,
      usedAtNs: ({ id }) => this.#usedAtNs.get(id),
      unusedSinceNs: now - BigInt(minAgeMs) * 1_000_000n,
      isUsed,
    });
    const removed = freed.images.map(({ id, names }) => names[0] ?? id);
    const told = { usedPercent: Math.round(usedPercent), removed, freedBytes: freed.reclaimedBytes };
    if (freed.reclaimedBytes >= wantedBytes) logger.info(told, "removed images, as the disk is full");
    else
      logger.warn(
        { ...told, wantedBytes },
        "disk usage is above images.gc_high_percent, and no more images can be removed: all others are in use, pinned or new",
      );
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        await this.check();
      } catch (err) {
        this.#parts.logger.warn({ err }, "removing images of a full disk failed; it is tried again");
      }
      await delay(this.#options.periodMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #noteUse(now: bigint): void {
    const { images, isUsed } = this.#parts;
    const all = images.list();
    for (const image of all) if (isUsed(image)) this.#usedAtNs.set(image.id, now);
    const known = new Set(all.map(({ id }) => id));
    for (const id of this.#usedAtNs.keys()) if (!known.has(id)) this.#usedAtNs.delete(id);
  }
}

/** What is kept for root counts as used, as `df` and kubelets count. */
async function roomOf(
  directory: string,
): Promise<{ readonly totalBytes: number; readonly availableBytes: number }> {
  const { bsize, blocks, bavail } = await statfs(directory);
  return { totalBytes: bsize * blocks, availableBytes: bsize * bavail };
}
