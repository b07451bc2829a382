import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../logging/index.ts";
import { TreeRemover } from "./tree-remover.ts";

/** A directory into which trees are moved at once, to be deleted in the background. */
export class Trash implements AsyncDisposable {
  readonly #directory: string;
  readonly #logger: Logger;
  /** Its own, because deleting the trash can take minutes. */
  readonly #remover = new TreeRemover();
  #closed = false;

  private constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Creates the directory if needed, and begins to delete what an earlier process left in it. */
  static async open(directory: string, logger: Logger): Promise<Trash> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const trash = new Trash(directory, logger);
    for (const name of await readdir(directory)) trash.#delete(join(directory, name));
    return trash;
  }

  /**
   * Moves the directory or file at the absolute `path` here; resolves when it is gone from there. Not an
   * error if nothing is there. If it is on another file system, it is deleted in place before this resolves.
   * Throws TreeError and Node's own errors.
   */
  async take(path: string): Promise<void> {
    const place = join(this.#directory, randomBytes(12).toString("hex"));
    try {
      await rename(path, place);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      // Another file system, or no space for another name.
      if (code !== "EXDEV" && code !== "ENOSPC" && code !== "EDQUOT") throw error;
      return this.#remover.remove(path);
    }
    this.#delete(place);
  }

  /** The next process deletes what is left. */
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
