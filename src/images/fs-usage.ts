import type { ContentStore } from "../content/index.ts";
import { hasCode } from "../errors/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import type { FsUsage } from "./images.ts";

const maxAgeMs = 10_000;

type Usages = { readonly images: FsUsage; readonly containers: FsUsage };

/**
 * What images and containers take on the disk. Measuring containers means walking their trees, so that an answer is up to some
 * seconds old: a call gets the last sums, and when these have aged has new ones made for the next.
 */
export class UsageMeter {
  readonly #content: ContentStore;
  readonly #snapshotter: Snapshotter;
  #last: { readonly usages: Usages; readonly atMs: number } | undefined;
  #measuring: Promise<Usages> | undefined;

  constructor(content: ContentStore, snapshotter: Snapshotter) {
    this.#content = content;
    this.#snapshotter = snapshotter;
  }

  async usages(): Promise<Usages> {
    const last = this.#last;
    if (last !== undefined && Date.now() - last.atMs < maxAgeMs) return last.usages;
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = undefined;
    });
    if (last === undefined) return await this.#measuring;
    // Its failure is that of the first call without old sums, which measures anew.
    this.#measuring.catch(() => {
      this.#last = undefined;
    });
    return last.usages;
  }

  async #measure(): Promise<Usages> {
    const mountpoint = this.#snapshotter.root;
    const images = { bytes: 0, inodes: 0 };
    const containers = { bytes: 0, inodes: 0 };
    for (const { sizeBytes } of this.#content.list()) {
      images.bytes += sizeBytes;
      images.inodes++;
    }
    for (const { key, kind } of this.#snapshotter.list()) {
      const sum = kind === "committed" ? images : containers;
      const { sizeBytes, inodes } = await this.#usage(key);
      sum.bytes += sizeBytes;
      sum.inodes += inodes;
    }
    const usages = {
      images: { mountpoint, usedBytes: images.bytes, inodesUsed: images.inodes },
      containers: { mountpoint, usedBytes: containers.bytes, inodesUsed: containers.inodes },
    };
    this.#last = { usages, atMs: Date.now() };
    return usages;
  }

  async #usage(key: string): Promise<{ readonly sizeBytes: number; readonly inodes: number }> {
    try {
      return await this.#snapshotter.usage(key);
    } catch (error) {
      // It was removed meanwhile.
      if (hasCode(error, "NotFound")) return { sizeBytes: 0, inodes: 0 };
      throw error;
    }
  }
}
