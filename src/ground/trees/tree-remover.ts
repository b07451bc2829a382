import { opendir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../fs/index.ts";
import { JobThread, threadFile } from "../threads/index.ts";
import { TreeError } from "./tree-cursor.ts";

/** What is deleted sooner than a thread is started. */
const fewEntries = 32;

/** Removes trees, one after the other, in a thread that ends when there is none. */
export class TreeRemover implements AsyncDisposable {
  readonly #thread = new JobThread<string, void>({
    name: "removal",
    file: threadFile(import.meta.url, "./removal-worker"),
    error: TreeError,
  });

  /**
   * Resolves when the directory or file at an absolute path is gone; no error when it is not there. Throws
   * TreeError: FailedPrecondition for a mount point in it, else what went wrong.
   */
  async remove(path: string): Promise<void> {
    if (!(await removeSmall(path))) await this.#thread.run(path);
  }

  /** Removals under way fail; what they have not come to stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}

/**
 * Removes a tree at a place of others as {@link TreeRemover} does, in a thread of its own: where the place
 * does not answer, no other removal waits for it.
 */
export async function removeApart(path: string): Promise<void> {
  await using remover = new TreeRemover();
  await remover.remove(path);
}

/**
 * Removes a directory of few files and empty directories. False when it is another kind; some of it may be
 * gone then.
 */
async function removeSmall(path: string): Promise<boolean> {
  try {
    const found: { readonly name: string; readonly isDirectory: boolean }[] = [];
    for await (const entry of await opendir(path)) {
      if (found.length === fewEntries) return false;
      found.push({ name: entry.name, isDirectory: entry.isDirectory() });
    }
    for (const { name, isDirectory } of found) await (isDirectory ? rmdir : unlink)(join(path, name));
    await rmdir(path);
    return true;
  } catch (error) {
    // The thread finds out what is in the way, and says it.
    return isErrno(error, "ENOENT") && !(await mayBeThere(path));
  }
}

async function mayBeThere(path: string): Promise<boolean> {
  try {
    await (await opendir(path)).close();
    return true;
  } catch (error) {
    return !isErrno(error, "ENOENT");
  }
}
