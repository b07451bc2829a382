import type { BigIntStats } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import { closeFile, listAt, openDirectory, openDirectoryBeneath, statAt } from "../../ground/linux/index.ts";

/**
 * A tree of files below an open directory, looked at without following symbolic links. Paths are byte strings
 * from its root.
 */
export class OpenTree implements Disposable {
  readonly #root: number;

  constructor(directory: string) {
    this.#root = openDirectory(directory);
  }

  /** Calls `use` with the open directory at `path`; undefined when there is none. */
  within<T>(path: string, use: (directory: number) => T): T | undefined {
    let directory: number;
    try {
      directory = openDirectoryBeneath(this.#root, path);
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
      throw error;
    }
    try {
      return use(directory);
    } finally {
      closeFile(directory);
    }
  }

  stat(path: string): BigIntStats | undefined {
    const { parent, name } = split(path);
    return this.within(parent, (directory) => statAt(directory, name));
  }

  /** Names in a directory, in order; none where there is no directory. */
  list(path: string): readonly string[] {
    return this.within(path, (directory) => listAt(directory, ".").toSorted()) ?? [];
  }

  [Symbol.dispose](): void {
    closeFile(this.#root);
  }
}

/** Of a path that is not the root's. */
export function split(path: string): { readonly parent: string; readonly name: string } {
  const at = path.lastIndexOf("/");
  return { parent: path.slice(0, Math.max(at, 0)), name: path.slice(at + 1) };
}

export function joinPath(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}
