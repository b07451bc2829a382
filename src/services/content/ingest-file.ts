import { createHash, type Hash } from "node:crypto";
import { constants, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type Digest, parseDigest } from "../../parts/oci/index.ts";
import { ContentError, fileError } from "./content-error.ts";

const chunkBytes = 256 * 1024;

/**
 * The data file of an ingest, open for appending: a worker thread writes to it after the main thread has
 * opened the ingest and passed it {@link ContentWriter.path}. Not safe for concurrent use. All methods throw
 * ContentError: ResourceExhausted if the disk is full (earlier bytes stay, and the ingest can be resumed),
 * Internal.
 */
export class IngestFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  #offset: number;
  #hash: Hash | undefined;

  private constructor(path: string, file: FileHandle, offset: number, hash: Hash | undefined) {
    this.#path = path;
    this.#file = file;
    this.#offset = offset;
    this.#hash = hash;
  }

  /**
   * Opens or creates the file. With `hash`, the existing bytes are hashed now and later ones as they arrive,
   * for {@link digest}.
   */
  static async open(path: string, options: { readonly hash?: boolean } = {}): Promise<IngestFile> {
    try {
      await using undo = new AsyncDisposableStack();
      const handle = undo.use(await open(path, constants.O_RDWR | constants.O_CREAT, 0o600));
      const { size } = await handle.stat();
      const file = new IngestFile(path, handle, size, options.hash ? createHash("sha256") : undefined);
      if (file.#hash !== undefined) for await (const chunk of file.existing()) file.#hash.update(chunk);
      undo.move();
      return file;
    } catch (error) {
      throw fileError(`opening ingest ${path}`, error);
    }
  }

  /** Bytes in the file. */
  get offset(): number {
    return this.#offset;
  }

  /** The bytes present at the time of the call, for a reader that needs the whole blob after a resume. */
  async *existing(): AsyncGenerator<Uint8Array> {
    const end = this.#offset;
    for (let position = 0; position < end; ) {
      const { bytesRead, buffer } = await this.#read(position, Math.min(chunkBytes, end - position));
      if (bytesRead === 0)
        throw new ContentError("DataLoss", `ingest ${this.#path} shrank while it was read`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.length; ) {
        const rest = chunk.subarray(done);
        const writing = this.#file.write(rest, 0, rest.length, this.#offset);
        // Another thread may be writing.
        const before = this.#hash?.copy();
        this.#hash?.update(rest);
        const bytesWritten = await writing.then(
          (result) => result.bytesWritten,
          (error: unknown) => {
            this.#hash = before;
            throw error;
          },
        );
        if (bytesWritten < rest.length) this.#hash = before?.update(rest.subarray(0, bytesWritten));
        this.#offset += bytesWritten;
        done += bytesWritten;
      }
    } catch (error) {
      throw fileError(`writing ingest ${this.#path}`, error);
    }
  }

  /**
   * {@link append} on this thread, for a worker that has nothing else to do: the write is faster than waking
   * another thread.
   */
  appendNow(chunk: Uint8Array): void {
    try {
      for (let done = 0; done < chunk.length; ) {
        const written = writeSync(this.#file.fd, chunk, done, chunk.length - done, this.#offset);
        this.#hash?.update(chunk.subarray(done, done + written));
        this.#offset += written;
        done += written;
      }
    } catch (error) {
      throw fileError(`writing ingest ${this.#path}`, error);
    }
  }

  /** Drops all bytes. */
  async truncate(): Promise<void> {
    try {
      await this.#file.truncate(0);
    } catch (error) {
      throw fileError(`truncating ingest ${this.#path}`, error);
    }
    this.#offset = 0;
    if (this.#hash !== undefined) this.#hash = createHash("sha256");
  }

  /** Makes the bytes durable. */
  async sync(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw fileError(`syncing ingest ${this.#path}`, error);
    }
  }

  /** Of all bytes so far. Only for a file opened with `hash`. */
  digest(): Digest {
    if (this.#hash === undefined)
      throw new ContentError("FailedPrecondition", `ingest ${this.#path} was opened without hashing`);
    return parseDigest(`sha256:${this.#hash.copy().digest("hex")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  #read(position: number, length: number): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    return this.#file.read(new Uint8Array(length), 0, length, position);
  }
}
