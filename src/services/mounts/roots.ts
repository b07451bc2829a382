import { realpath } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import { MountsError } from "./mounts-error.ts";

/** The directories below which files and directories may be created for a client. */
export class Roots {
  readonly #directories: readonly string[];

  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /**
   * The path with symbolic links in its (existing) directory resolved. Throws MountsError InvalidArgument if
   * it is not below a root.
   */
  async check(path: string): Promise<string> {
    const directory = await realpath(dirname(normalize(path))).catch(() => undefined);
    const found = directory === undefined ? undefined : join(directory, basename(path));
    const roots = await Promise.all(this.#directories.map((root) => realpath(root)));
    if (found !== undefined && roots.some((root) => found.startsWith(`${root}/`))) return found;
    throw new MountsError(
      "InvalidArgument",
      `${JSON.stringify(path)} is not in a directory below ${this.#directories.join(" or ")}`,
    );
  }
}
