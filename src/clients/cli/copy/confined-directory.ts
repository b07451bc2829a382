import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, rename, rm, symlink } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { CliError } from "../errors.ts";

/** The path below the directory, as names that are not "", "." or ".." and contain no slash. */
export type Names = readonly string[];

export type Attributes = {
  /** Permission bits. */
  readonly mode: number;
  readonly mtime: Date;
};

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * A directory below which files are created, and never elsewhere: no symbolic link below it is followed,
 * whoever created it and when. Each step down starts from the open directory above it, so nobody can put a
 * link in the way after the check. Throws CliError FailedPrecondition if something else is in the way.
 */
export class ConfinedDirectory implements AsyncDisposable {
  readonly #root: FileHandle;
  /** The directory that was used last; archives are sorted by directory. */
  #last: { readonly key: string; readonly handle: FileHandle } | undefined;

  private constructor(root: FileHandle) {
    this.#root = root;
  }

  /** Opens a directory, whose path may contain symbolic links. Throws errno errors. */
  static async open(path: string): Promise<ConfinedDirectory> {
    return new ConfinedDirectory(await open(path, O_RDONLY | O_DIRECTORY));
  }

  /** Creates a directory that only we can use; an existing one stays as it is. */
  async makeDirectory(names: Names): Promise<void> {
    await this.#directory(names);
  }

  async setDirectory(names: Names, { mode, mtime }: Attributes): Promise<void> {
    const directory = await this.#directory(names);
    await directory.chmod(mode);
    await directory.utimes(mtime, mtime);
  }

  /** Creates a file atomically, replacing a file or link of that name. */
  async writeFile(
    names: Names,
    { mode, mtime }: Attributes,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.#place(names, async (path) => {
      await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      await writeAll(file, content);
      await file.chmod(mode);
      await file.utimes(mtime, mtime);
    });
  }

  /** As {@link writeFile}, for a symbolic link. The caller has to check where the target leads. */
  async makeSymlink(names: Names, target: string): Promise<void> {
    await this.#place(names, (path) => symlink(target, path));
  }

  /**
   * As {@link writeFile}, for another name of a file below this directory. False if there is no such file.
   */
  async makeHardLink(names: Names, existing: Names): Promise<boolean> {
    await using directory = await this.#open(existing.slice(0, -1));
    const source = at(directory, existing.at(-1) ?? ".");
    const stats = await lstat(source).catch(ignoreMissing);
    if (stats?.isFile() !== true) return false;
    await this.#place(names, (path) => link(source, path));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last?.handle.close();
    await this.#root.close();
  }

  /** Creates something under a temporary name and renames it when it is complete. */
  async #place(names: Names, make: (path: string) => Promise<void>): Promise<void> {
    const directory = await this.#directory(names.slice(0, -1));
    const path = at(directory, names.at(-1) ?? ".");
    const temporary = at(directory, `.berth-cp-${randomBytes(6).toString("hex")}`);
    const there = await lstat(path).catch(ignoreMissing);
    if (there !== undefined && !there.isFile() && !there.isSymbolicLink())
      throw inTheWay(names, there.isDirectory() ? "is a directory" : "is not a regular file");
    try {
      await make(temporary);
      await rename(temporary, path);
    } finally {
      // Also after success: if both names are the same file, rename does nothing and leaves both.
      await rm(temporary, { force: true });
    }
  }

  /** The open directory, valid until the next call. */
  async #directory(names: Names): Promise<FileHandle> {
    const key = names.join("/");
    if (this.#last?.key === key) return this.#last.handle;
    const handle = await this.#open(names);
    await this.#last?.handle.close();
    this.#last = { key, handle };
    return handle;
  }

  /** Opens a directory, and creates missing directories on the way. */
  async #open(names: Names): Promise<FileHandle> {
    let current = await open(at(this.#root, "."), O_RDONLY | O_DIRECTORY);
    for (const [depth, name] of names.entries()) {
      await using above = current;
      current = await openOrMake(at(above, name), names.slice(0, depth + 1));
    }
    return current;
  }
}

const batchBytes = 1_048_576;

/** Collects the small pieces of an archive into large writes. */
async function writeAll(file: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    batch.push(chunk);
    bytes += chunk.length;
    if (bytes < batchBytes) continue;
    await file.writeFile(Buffer.concat(batch, bytes));
    batch = [];
    bytes = 0;
  }
  await file.writeFile(Buffer.concat(batch, bytes));
}

async function openOrMake(path: string, names: Names): Promise<FileHandle> {
  await mkdir(path, 0o700).catch(ignoreExisting);
  try {
    return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    throw ["ELOOP", "ENOTDIR"].includes(errno(error)) ? inTheWay(names, "is not a directory") : error;
  }
}

/** A path to a name in an open directory, which stays valid if the directory itself is renamed. */
function at(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

function inTheWay(names: Names, what: string): CliError {
  return new CliError("FailedPrecondition", `${JSON.stringify(names.join("/"))} ${what} here`);
}

function ignoreExisting(error: unknown): undefined {
  if (errno(error) !== "EEXIST") throw error;
}

function errno(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
