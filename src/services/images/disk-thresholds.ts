import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { nowNs } from "../../ground/clock/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { Image, ImageCatalog } from "./images.ts";

/** When to remove images because the disk fills up; the terms are the kubelet's. */
export type ThresholdOptions = {
  /** Used part of the file system, in percent, from which on images are removed; 0 for never. */
  readonly highPercent: number;
  /** Used part of the file system, in percent, at which removal stops. */
  readonly lowPercent: number;
  /** Images that were used or named more recently than this are kept. */
  readonly minAgeMs: number;
  readonly periodMs: number;
};

export type DiskThresholdsParts = {
  readonly images: Pick<ImageCatalog, "list" | "freeSpace">;
  /** A directory on the file system that holds images. */
  readonly directory: string;
  /** Whether a container uses the image. */
  readonly isUsed: (image: Image) => boolean;
  readonly logger: Logger;
};

/**
 * Periodically checks how full the disk is, and removes unused images, those that have been unused for
 * longest first. The time of an image's last use is known only from this process: after a restart, it is the
 * time when the image got its name.
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

  /** Checks once. Throws the errors of reading the disk's state and of removing images. */
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

/** Blocks that are reserved for root count as used, as in `df` and kubelets. */
async function roomOf(
  directory: string,
): Promise<{ readonly totalBytes: number; readonly availableBytes: number }> {
  const { bsize, blocks, bavail } = await statfs(directory);
  return { totalBytes: bsize * blocks, availableBytes: bsize * bavail };
}
