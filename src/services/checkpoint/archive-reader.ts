import { constants, type FileHandle, open } from "node:fs/promises";
import type { LookUp } from "../../ground/hostpaths/index.ts";

const chunkBytes = 256 * 1024;

/**
 * Reads archives from their beginning, one after the other, for a thread that takes them apart: they may lie
 * on a file system that does not answer, which only a look-up knows how to wait for. Disposing of it closes
 * what is open.
 */
export class ArchiveReader implements Disposable {
  readonly #lookUp: LookUp;
  #open: { readonly path: string; readonly file: FileHandle } | undefined;
  #disposed = false;

  constructor(lookUp: LookUp) {
    this.#lookUp = lookUp;
  }

  /**
   * The bytes of an archive; of another one than before, those of that one are at their end. Throws
   * HostPathError, Node's own errors.
   */
  async sizeBytes(path: string): Promise<number> {
    const file = await this.#fileAt(path);
    return (await this.#lookUp(path, () => file.stat())).size;
  }

  /** The next bytes; none at the end. Throws HostPathError, Node's own errors. */
  async next(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = await this.#fileAt(path);
    // Not of a pool that others have views of: it goes to another thread.
    const buffer = new Uint8Array(chunkBytes);
    const { bytesRead } = await this.#lookUp(path, () => file.read(buffer, 0, chunkBytes, null));
    return buffer.subarray(0, bytesRead);
  }

  async #fileAt(path: string): Promise<FileHandle> {
    if (this.#open?.path === path) return this.#open.file;
    this.#close();
    const file = await this.#lookUp(path, () => this.#openFile(path));
    this.#open = { path, file };
    return file;
  }

  /** One that is open only when nobody waits for it any more is closed again. */
  async #openFile(path: string): Promise<FileHandle> {
    // What has become a FIFO meanwhile has nobody to wait for.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (this.#disposed) await file.close();
    return file;
  }

  /** Once a read that hangs has its answer. */
  #close(): void {
    this.#open?.file.close().catch(() => undefined);
    this.#open = undefined;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#close();
  }
}
