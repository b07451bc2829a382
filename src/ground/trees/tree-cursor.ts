import { BerthError } from "../errors/index.ts";
import { isErrno } from "../fs/index.ts";
import {
  closeFile,
  fromByteString,
  openDirectory,
  openDirectoryBeneath,
  openDirectoryWithin,
  openParent,
  statAt,
} from "../linux/index.ts";

/** A tree that cannot be walked or removed. The functions of this room document the codes. */
export class TreeError extends BerthError {}

type Identity = { readonly dev: bigint; readonly ino: bigint };

/**
 * A position in a tree: an open directory, from which one moves down and up by one name at a time. At any
 * depth, only one descriptor is open, and each name is looked up only once. Symbolic links are not followed,
 * and mount points are not entered unless requested. Names are byte strings. Synchronous, for worker threads.
 */
export class TreeCursor implements Disposable {
  readonly #path: string;
  readonly #entersMounts: boolean;
  readonly #above: Identity[] = [];
  #directory: number;

  /** Starts at a directory; symbolic links in `path` are followed. Throws LinuxError. */
  constructor(path: string, { entersMounts = false }: { readonly entersMounts?: boolean } = {}) {
    this.#path = path;
    this.#entersMounts = entersMounts;
    this.#directory = openDirectory(path);
  }

  /**
   * Descriptor of the current directory, for calls on names in it. It belongs to the cursor, and is valid
   * until the cursor moves.
   */
  get directory(): number {
    return this.#directory;
  }

  get depth(): number {
    return this.#above.length;
  }

  /**
   * Throws TreeError FailedPrecondition for a mount point that must not be entered, and LinuxError if it is
   * not a directory.
   */
  down(name: string): void {
    const here = this.#identity();
    const below = this.#open(name);
    this.#above.push(here);
    this.#move(below);
  }

  /** Throws TreeError Aborted if somebody has moved the directory in the meantime. */
  up(): void {
    const expected = this.#above.pop();
    this.#move(openParent(this.#directory));
    const found = this.#identity();
    if (expected?.ino === found.ino && expected.dev === found.dev) return;
    throw new TreeError("Aborted", `${this.#path}: a directory in it was moved meanwhile`);
  }

  [Symbol.dispose](): void {
    closeFile(this.#directory);
  }

  #open(name: string): number {
    if (this.#entersMounts) return openDirectoryBeneath(this.#directory, name);
    try {
      return openDirectoryWithin(this.#directory, name);
    } catch (error) {
      if (!isErrno(error, "EXDEV")) throw error;
      throw mountedError(this.#path, name);
    }
  }

  #move(to: number): void {
    closeFile(this.#directory);
    this.#directory = to;
  }

  #identity(): Identity {
    const found = statAt(this.#directory, ".");
    if (found === undefined) throw new TreeError("Aborted", `${this.#path}: a directory in it is gone`);
    return found;
  }
}

export function mountedError(path: string, name: string): TreeError {
  return new TreeError(
    "FailedPrecondition",
    `${path}: ${JSON.stringify(fromByteString(name))} in it is a mount point; unmount it and try again`,
  );
}
