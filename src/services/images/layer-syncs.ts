import { stat } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import { SyncedFileSystem } from "../../ground/linux/index.ts";
import { Coalescer } from "../../ground/sync/index.ts";

/** Number of compressed bytes after which their unpacked files are worth a sync of their own. */
const worthwhileBytes = 24 * 1024 * 1024;

type FileSystem = Pick<SyncedFileSystem, "sync" | typeof Symbol.asyncDispose>;

/**
 * Syncs the file system to which layers are unpacked; one sync serves all layers that wait. While more
 * arrives, the disk is asked to write what has come so far: the kernel would keep it in memory for half a
 * minute, and leave all of it to the last sync.
 */
export class LayerSyncs {
  readonly #root: string;
  readonly #openFileSystem: () => Promise<FileSystem>;
  readonly #syncs: Coalescer;
  readonly #open = new Set<LayerSync>();
  /** Open while a layer is open or a sync runs. */
  #fileSystem: Promise<FileSystem> | undefined;
  #users = 0;
  #bytes = 0;
  #isEarly = false;

  /** `root` is on the file system, which `openFileSystem` opens. */
  constructor(root: string, openFileSystem: () => Promise<FileSystem> = () => SyncedFileSystem.open(root)) {
    this.#root = root;
    this.#openFileSystem = openFileSystem;
    this.#syncs = new Coalescer(async () => {
      try {
        const fileSystem = await this.#use();
        await fileSystem.sync().finally(() => this.#leave());
      } catch (error) {
        // The kernel reports a failed write only once, and not for which file.
        for (const layer of this.#open) layer.fail(error);
      }
    });
  }

  /**
   * Opens the part of a layer of which nothing is written yet. Write errors from now on are reported to it,
   * even if others sync the same file system. Throws Node's errors of opening `root`.
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

  /** Whether a file exists, and is on the file system that is synced. */
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
      // The next caller tries again; another one may already have done so.
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

/** One layer's part in the syncs, until the layer is on the disk. */
export class LayerSync implements AsyncDisposable {
  readonly #syncs: Syncs;
  #received = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(syncs: Syncs) {
    this.#syncs = syncs;
  }

  /** To be called for each received number of compressed bytes that were unpacked. */
  received(bytes: number): void {
    this.#syncs.received(Math.max(0, bytes - this.#received));
    this.#received = bytes;
  }

  /**
   * Resolves when everything written so far is on the disk. Rejects with the error of any sync that failed
   * since the layer was opened.
   */
  async run(): Promise<void> {
    await this.#syncs.run();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Whether written data may be lost, although it can still be read. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** To be called if a sync that may have included its bytes failed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncs.close();
  }
}
