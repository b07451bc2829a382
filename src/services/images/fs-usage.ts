import { hasCode } from "../../ground/errors/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Snapshotter, UsageMeter } from "../snapshots/index.ts";
import type { FsUsage } from "./images.ts";

/**
 * Disk usage of images and containers: sums of recorded sizes, and of what {@link UsageMeter} has measured
 * for containers.
 */
export class FsUsages {
  readonly #content: ContentStore;
  readonly #snapshotter: Snapshotter;
  readonly #meter: UsageMeter;

  constructor(content: ContentStore, snapshotter: Snapshotter, meter: UsageMeter) {
    this.#content = content;
    this.#snapshotter = snapshotter;
    this.#meter = meter;
  }

  async sums(): Promise<{ readonly images: FsUsage; readonly containers: FsUsage }> {
    const snapshots = this.#snapshotter.list();
    const keys = (committed: boolean) =>
      snapshots.filter(({ kind }) => (kind === "committed") === committed).map(({ key }) => key);
    const [layers, writable] = await Promise.all([
      Promise.all(keys(true).map((key) => this.#committed(key))),
      this.#meter.usages(keys(false)),
    ]);
    const blobs = this.#content.list().map(({ sizeBytes }) => ({ sizeBytes, inodes: 1 }));
    return { images: this.#sum([...blobs, ...layers]), containers: this.#sum([...writable.values()]) };
  }

  #sum(usages: readonly { readonly sizeBytes: number; readonly inodes: number }[]): FsUsage {
    return {
      mountpoint: this.#snapshotter.root,
      usedBytes: usages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      inodesUsed: usages.reduce((sum, { inodes }) => sum + inodes, 0),
    };
  }

  /** The usage in the snapshot's record, without walking its files. */
  async #committed(key: string): Promise<{ readonly sizeBytes: number; readonly inodes: number }> {
    try {
      return await this.#snapshotter.usage(key);
    } catch (error) {
      // It was removed in the meantime.
      if (hasCode(error, "NotFound")) return { sizeBytes: 0, inodes: 0 };
      throw error;
    }
  }
}
