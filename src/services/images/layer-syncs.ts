import { stat } from "node:fs/promises";
import { syncFileSystem } from "../../ground/linux/index.ts";
import { Coalescer } from "../../ground/sync/index.ts";

/** Compressed bytes after which what was made of them is worth a sync of its own. */
const worthwhileBytes = 24 * 1024 * 1024;

/**
 * Syncs of the file system that layers are unpacked to, each for all layers that wait. Before those the disk
 * is asked to write what has come while more comes: the kernel would keep it in memory for half a minute, and
 * leave all of it to the last.
 */
export class LayerSyncs {
  readonly #root: string;
  readonly #syncs: Coalescer;
  readonly #open = new Set<LayerSync>();
  #bytes = 0;
  #isEarly = false;

  /** `root` lies on that file system; `sync` waits until it is on the disk. */
  constructor(root: string, sync: () => Promise<void> = () => syncFileSystem(root)) {
    this.#root = root;
    this.#syncs = new Coalescer(async () => {
      await sync().catch((error: unknown) => {
        // The kernel tells once of bytes that it could not write, and not whose they were.
        for (const layer of this.#open) layer.fail(error);
      });
    });
  }

  /** For a layer of which nothing is written yet. */
  open(): LayerSync {
    const layer: LayerSync = new LayerSync({
      run: () => this.#syncs.run(),
      received: (bytes) => this.#received(bytes),
      close: () => void this.#open.delete(layer),
    });
    this.#open.add(layer);
    return layer;
  }

  /** Whether a file is one of those that a sync makes durable. */
  async reach(path: string): Promise<boolean> {
    const [own, other] = await Promise.all([stat(this.#root), stat(path)]);
    return own.dev === other.dev;
  }

  #received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < worthwhileBytes || this.#isEarly) return;
    this.#bytes = 0;
    this.#isEarly = true;
    void this.#syncs.run().finally(() => {
      this.#isEarly = false;
    });
  }
}

type Syncs = {
  readonly run: () => Promise<void>;
  readonly received: (bytes: number) => void;
  readonly close: () => void;
};

/** One layer's part in that, until it is on the disk. */
export class LayerSync implements Disposable {
  readonly #syncs: Syncs;
  #received = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(syncs: Syncs) {
    this.#syncs = syncs;
  }

  /** So many compressed bytes of it have come and gone through. */
  received(bytes: number): void {
    this.#syncs.received(Math.max(0, bytes - this.#received));
    this.#received = bytes;
  }

  /**
   * Resolves when all that was written of it before is on the disk. Rejects with why any sync failed since it
   * was opened.
   */
  async run(): Promise<void> {
    await this.#syncs.run();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** A sync that may have been of its bytes has failed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  [Symbol.dispose](): void {
    this.#syncs.close();
  }
}
