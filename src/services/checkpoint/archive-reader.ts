import { constants, type FileHandle, open } from "node:fs/promises";
import type { LookUp } from "../../ground/hostpaths/index.ts";

const chunkBytes = 256 * 1024;

/**
 * Reads archives sequentially, one after the other, for a thread that unpacks them: they may be on an
 * unresponsive file system, and only look-ups can wait for one. Disposing closes the open file.
 */
export class ArchiveReader implements Disposable {
  readonly #lookUp: LookUp;
  #open: { readonly path: string; readonly file: FileHandle } | undefined;
  #disposed = false;

  constructor(lookUp: LookUp) {
    this.#lookUp = lookUp;
  }

  /**
   * Size of an archive. Opening another archive closes the one before. Throws HostPathError, Node's own
   * errors.
   */
  async sizeBytes(path: string): Promise<number> {
    const file = await this.#fileAt(path);
    return (await this.#lookUp(path, () => file.stat())).size;
  }

  /** The next bytes; none at the end. Throws HostPathError, Node's own errors. */
  async next(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = await this.#fileAt(path);
    // Not from a shared pool, since it is transferred to another thread.
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

  /** If nobody waits any more once it is open, it is closed again. */
  async #openFile(path: string): Promise<FileHandle> {
    // Non-blocking, in case it has become a FIFO.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (this.#disposed) await file.close();
    return file;
  }

  /** Waits for a hanging read first. */
  #close(): void {
    this.#open?.file.close().catch(() => undefined);
    this.#open = undefined;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#close();
  }
}
