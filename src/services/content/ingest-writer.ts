import type { Digest } from "../../parts/oci/index.ts";
import { ContentError } from "./content-error.ts";
import type { IngestFile } from "./ingest-file.ts";
import type { ContentWriter, ExpectedBlob, HashingWriter, IngestStatus } from "./store.ts";

/** An ingest that its writer holds until it is committed or closed. */
export class IngestWriter implements ContentWriter {
  readonly path: string;
  protected readonly file: IngestFile;
  readonly #commit: (expected: ExpectedBlob) => Promise<void>;
  readonly #release: Disposable;
  #closed = false;

  /** `commit` is the store's; `release` lets the ref's next writer continue. */
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
   * After a failed fsync, the kernel still serves the unwritten pages from memory, and the next fsync
   * succeeds: nothing may continue from such a file.
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

/** The same, with a file opened with `hash`. */
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
