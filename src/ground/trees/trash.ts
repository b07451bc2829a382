import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../logging/index.ts";
import { TreeRemover } from "./tree-remover.ts";

/**
 * A directory for trees that are to go: they are out of their place at once, and deleted in the background.
 */
export class Trash implements AsyncDisposable {
  readonly #directory: string;
  readonly #logger: Logger;
  /** Its own, as what lies here can take minutes. */
  readonly #remover = new TreeRemover();
  #closed = false;

  private constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Makes the directory if it is not there, and begins to delete what an earlier process has left in it. */
  static async open(directory: string, logger: Logger): Promise<Trash> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const trash = new Trash(directory, logger);
    for (const name of await readdir(directory)) trash.#delete(join(directory, name));
    return trash;
  }

  /**
   * Resolves when nothing is at the absolute `path` any more, a directory or a file; no error when there was
   * nothing. What lies on another file system is deleted in its place before. Throws TreeError, Node's own
   * errors.
   */
  async take(path: string): Promise<void> {
    const place = join(this.#directory, randomBytes(12).toString("hex"));
    try {
      await rename(path, place);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      // Another file system, or no room for one more name.
      if (code !== "EXDEV" && code !== "ENOSPC" && code !== "EDQUOT") throw error;
      return this.#remover.remove(path);
    }
    this.#delete(place);
  }

  /** What is not deleted yet is the next process's to delete. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#remover[Symbol.asyncDispose]();
  }

  #delete(path: string): void {
    this.#remover.remove(path).catch((err: unknown) => {
      if (!this.#closed)
        this.#logger.warn({ err, path }, "cannot delete removed files; it is retried at the next start");
    });
  }
}
