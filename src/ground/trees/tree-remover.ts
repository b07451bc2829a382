import { opendir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../fs/index.ts";
import { JobThread, threadFile } from "../threads/index.ts";
import { TreeError } from "./tree-cursor.ts";

/** So few are deleted faster than a thread starts. */
const fewEntries = 32;

/** Removes trees, one after the other, in a thread that ends when there is nothing to do. */
export class TreeRemover implements AsyncDisposable {
  readonly #thread = new JobThread<string, void>({
    name: "removal",
    file: threadFile(import.meta.url, "./removal-worker"),
    error: TreeError,
  });

  /**
   * Resolves when the directory or file at an absolute path is removed; not an error if it does not exist.
   * Throws TreeError: FailedPrecondition for a mount point in it, otherwise the code of the failed call.
   */
  async remove(path: string): Promise<void> {
    if (!(await removeSmall(path))) await this.#thread.run(path);
  }

  /** Removals in progress fail, and leave the rest of their trees. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}

/**
 * Like {@link TreeRemover}, for a path that others choose, in a thread of its own: if its file system does
 * not respond, no other removal waits for it.
 */
export async function removeApart(path: string): Promise<void> {
  await using remover = new TreeRemover();
  await remover.remove(path);
}

/**
 * Removes a directory with few files and empty directories. False if it has anything else; part of it may be
 * removed then.
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
    // The thread finds the obstacle, and reports it.
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
