import type { Digest } from "../../parts/oci/index.ts";
import { ContentError } from "./content-error.ts";
import type { IngestFile } from "./ingest-file.ts";
import type { ContentWriter, ExpectedBlob, HashingWriter, IngestStatus } from "./store.ts";

/** An ingest held by its writer, until it is committed or put down. */
export class IngestWriter implements ContentWriter {
  readonly path: string;
  protected readonly file: IngestFile;
  readonly #commit: (expected: ExpectedBlob) => Promise<void>;
  readonly #release: Disposable;
  #closed = false;

  /** `commit` is the store's; `release` lets the next writer of the ref in. */
  constructor(
    path: string,
    file: IngestFile,
    commit: (expected: ExpectedBlob) => Promise<void>,
    release: Disposable,
  ) {
    this.path = path;
    this.file = file;
    this.#commit = commit;
    this.#release = release;
  }

  get offset(): number {
    return this.file.offset;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen();
    await this.file.append(chunk);
  }

  async truncate(): Promise<void> {
    this.#requireOpen();
    await this.file.truncate();
  }

  async commit(expected: ExpectedBlob): Promise<void> {
    this.#requireOpen();
    const { sync } = expected;
    if (sync === undefined) await this.#syncOrEmpty(() => this.file.sync());
    await this.#commit(sync === undefined ? expected : { ...expected, sync: () => this.#syncOrEmpty(sync) });
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    using _release = this.#release;
    await this.file[Symbol.asyncDispose]();
  }

  /**
   * What the disk could not write can be read as long as the kernel has it in memory, and the next sync says
   * nothing of it: nobody may go on from that.
   */
  async #syncOrEmpty(sync: () => Promise<void>): Promise<void> {
    try {
      await sync();
    } catch (error) {
      await this.file.truncate();
      throw error;
    }
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new ContentError("FailedPrecondition", `ingest ${this.path}: its writer is closed`);
  }
}

/** The same with a file that was opened with `hash`. */
export class HashingIngestWriter extends IngestWriter implements HashingWriter {
  readonly status: () => Promise<IngestStatus>;

  constructor(
    path: string,
    file: IngestFile,
    commit: (expected: ExpectedBlob) => Promise<void>,
    release: Disposable,
    status: () => Promise<IngestStatus>,
  ) {
    super(path, file, commit, release);
    this.status = status;
  }

  digest(): Digest {
    return this.file.digest();
  }
}
