import type { BigIntStats } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import {
  closeFile,
  listAt,
  openDirectory,
  openDirectoryBeneath,
  readlinkAt,
  statAt,
  unlinkAt,
} from "../../ground/linux/index.ts";
import { joinPath } from "./entry-path.ts";
import { invalid } from "./unpack-error.ts";

/**
 * An open directory of the tree: `path` is from the root and without symbolic links. Valid until the next
 * `enter` or `find`.
 */
export type TreeDirectory = { readonly fd: number; readonly path: string };

/**
 * Creates a directory that a path needs, in place of nothing or of something else (`found`); false if that
 * must stay.
 */
export type MakeMissing = (parent: TreeDirectory, name: string, found: BigIntStats | undefined) => boolean;

/** Symbolic links that one path may lead through; the kernel allows 40 (path_resolution(7)). */
const maxLinks = 40;

/**
 * The tree below a directory, with that as its root as in a chroot: whatever a path or a symbolic link in it
 * says, nothing outside is reached. Nobody else may change the tree meanwhile.
 */
export class RootedTree implements Disposable {
  readonly #root: number;
  readonly #makeMissing: MakeMissing;
  /** The directory entered last: a layer's entries are mostly grouped by directory. */
  #entered: TreeDirectory | undefined;

  constructor(directory: string, makeMissing: MakeMissing) {
    this.#root = openDirectory(directory);
    this.#makeMissing = makeMissing;
  }

  /**
   * Opens the directory at `components`, following symbolic links within the root and creating missing
   * directories; undefined if a component is not a directory. Throws UnpackError InvalidArgument for an
   * endless chain of links.
   */
  enter(components: readonly string[]): TreeDirectory | undefined {
    if (this.#entered?.path === components.join("/")) return this.#entered;
    this.#leave();
    this.#entered = this.#open(components);
    return this.#entered;
  }

  /**
   * Calls `use` with the directory at `components`, found as by {@link enter}; the entered directory stays
   * valid.
   */
  visit(components: readonly string[], use: (directory: TreeDirectory) => void): void {
    const directory = this.#open(components);
    if (directory === undefined) throw invalid("a parent of the path is not a directory");
    try {
      use(directory);
    } finally {
      closeFile(directory.fd);
    }
  }

  /**
   * Calls `use` with the directory at `path`, which has no symbolic links, unless it no longer exists or is
   * no longer a directory.
   */
  withDirectory(path: string, use: (fd: number) => void): void {
    const directory = this.#tryOpen(path);
    if (directory === undefined) return;
    try {
      use(directory.fd);
    } finally {
      closeFile(directory.fd);
    }
  }

  /** Whether there is a directory at a path without symbolic links. */
  hasDirectory(path: string): boolean {
    let found = false;
    this.withDirectory(path, () => {
      found = true;
    });
    return found;
  }

  /** Removes a name with everything below it, except for paths for which `keep` returns true. */
  remove(parent: TreeDirectory, name: string, keep: (path: string) => boolean = () => false): void {
    const path = joinPath(parent.path, name);
    const found = statAt(parent.fd, name);
    if (found === undefined) return;
    if (!found.isDirectory()) {
      if (!keep(path)) unlinkAt(parent.fd, name);
      return;
    }
    this.clear(path, keep);
    if (keep(path) || listAt(parent.fd, name).length > 0) return;
    unlinkAt(parent.fd, name, { directory: true });
  }

  /** Removes the contents of the directory at `path`, like {@link remove}. */
  clear(path: string, keep: (path: string) => boolean): void {
    this.withDirectory(path, (fd) => {
      for (const name of listAt(fd, ".")) this.remove({ fd, path }, name, keep);
    });
  }

  [Symbol.dispose](): void {
    this.#leave();
    closeFile(this.#root);
  }

  #leave(): void {
    if (this.#entered !== undefined) closeFile(this.#entered.fd);
    this.#entered = undefined;
  }

  #open(components: readonly string[]): TreeDirectory | undefined {
    return this.#tryOpen(components.join("/")) ?? this.#resolve(components);
  }

  /** Undefined if the path does not exist, contains a symbolic link, or is not a directory. */
  #tryOpen(path: string): TreeDirectory | undefined {
    try {
      return { fd: openDirectoryBeneath(this.#root, path), path };
    } catch (error) {
      if (isErrno(error, "ENOENT", "ELOOP", "ENOTDIR")) return undefined;
      throw error;
    }
  }

  /** Goes component by component, if a single openat2 does not suffice. */
  #resolve(components: readonly string[]): TreeDirectory | undefined {
    let path = "";
    let links = 0;
    const rest = [...components].reverse();
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        path = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
        continue;
      }
      const step = this.#step(path, name);
      if (step === "blocked") return undefined;
      if (step === "directory") {
        path = joinPath(path, name);
        continue;
      }
      if (++links > maxLinks) throw invalid("the path has too many symbolic links");
      if (step.target.startsWith("/")) path = "";
      rest.push(...step.target.split("/").reverse());
    }
    return this.#tryOpen(path);
  }

  /** Makes sure that `name` is a directory, unless it is a symbolic link or something that must stay. */
  #step(parentPath: string, name: string): "directory" | "blocked" | { readonly target: string } {
    let step: "directory" | "blocked" | { readonly target: string } = "blocked";
    this.withDirectory(parentPath, (fd) => {
      const found = statAt(fd, name);
      if (found?.isSymbolicLink()) step = { target: readlinkAt(fd, name) };
      else if (found?.isDirectory() || this.#makeMissing({ fd, path: parentPath }, name, found))
        step = "directory";
    });
    return step;
  }
}
