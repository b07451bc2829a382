import { stat } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import { SyncedFileSystem } from "../../ground/linux/index.ts";
import { Coalescer } from "../../ground/sync/index.ts";

/** Compressed bytes after which what was made of them is worth a sync of its own. */
const worthwhileBytes = 24 * 1024 * 1024;

type FileSystem = Pick<SyncedFileSystem, "sync" | typeof Symbol.asyncDispose>;

/**
 * Syncs of the file system that layers are unpacked to, each for all layers that wait. Before those the disk
 * is asked to write what has come while more comes: the kernel would keep it in memory for half a minute, and
 * leave all of it to the last.
 */
export class LayerSyncs {
  readonly #root: string;
  readonly #openFileSystem: () => Promise<FileSystem>;
  readonly #syncs: Coalescer;
  readonly #open = new Set<LayerSync>();
  /** Open while a layer is, or a sync runs. */
  #fileSystem: Promise<FileSystem> | undefined;
  #users = 0;
  #bytes = 0;
  #isEarly = false;

  /** `root` lies on the file system, which `openFileSystem` opens. */
  constructor(root: string, openFileSystem: () => Promise<FileSystem> = () => SyncedFileSystem.open(root)) {
    this.#root = root;
    this.#openFileSystem = openFileSystem;
    this.#syncs = new Coalescer(async () => {
      try {
        const fileSystem = await this.#use();
        await fileSystem.sync().finally(() => this.#leave());
      } catch (error) {
        // The kernel tells once of bytes that it could not write, and not whose they were.
        for (const layer of this.#open) layer.fail(error);
      }
    });
  }

  /**
   * For a layer of which nothing is written yet: what the disk cannot write from now on is told here, though
   * others sync the same file system. Throws Node's errors of opening `root`.
   */
  async open(): Promise<LayerSync> {
    await this.#use();
    const layer: LayerSync = new LayerSync({
      run: () => this.#syncs.run(),
      received: (bytes) => this.#received(bytes),
      close: async () => {
        this.#open.delete(layer);
        await this.#leave();
      },
    });
    this.#open.add(layer);
    return layer;
  }

  /** Whether a file is there and one of those that a sync makes durable. */
  async reach(path: string): Promise<boolean> {
    const [own, other] = await Promise.all([stat(this.#root), stat(path).catch(ignoreMissing)]);
    return own.dev === other?.dev;
  }

  async #use(): Promise<FileSystem> {
    this.#users++;
    this.#fileSystem ??= this.#openFileSystem();
    const opening = this.#fileSystem;
    try {
      return await opening;
    } catch (error) {
      this.#users--;
      // The next to ask tries again; another one may have done so already.
      if (this.#fileSystem === opening) this.#fileSystem = undefined;
      throw error;
    }
  }

  async #leave(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    const opened = this.#fileSystem;
    this.#fileSystem = undefined;
    await (await opened)?.[Symbol.asyncDispose]();
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
  readonly close: () => Promise<void>;
};

/** One layer's part in that, until it is on the disk. */
export class LayerSync implements AsyncDisposable {
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

  /** Whether what was written of it may be lost, though it can still be read. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** A sync that may have been of its bytes has failed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncs.close();
  }
}
