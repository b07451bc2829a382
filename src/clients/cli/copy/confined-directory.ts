import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, rename, rm, symlink } from "node:fs/promises";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { CliError } from "../errors.ts";

/** The names from the directory down, none of them "", "." or "..", nor with a slash in it. */
export type Names = readonly string[];

export type Attributes = {
  /** Permission bits. */
  readonly mode: number;
  readonly mtime: Date;
};

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * A directory below which files are made, and never elsewhere: no symbolic link below it is followed, whoever
 * made it and when. Every step down is taken from the open directory before, so nobody can put a link in the
 * way after it was looked at. Throws CliError FailedPrecondition where something else is in the way.
 */
export class ConfinedDirectory implements AsyncDisposable {
  readonly #root: FileHandle;
  /** The directory that was used last: what is unpacked comes directory by directory. */
  #last: { readonly key: string; readonly handle: FileHandle } | undefined;

  private constructor(root: FileHandle) {
    this.#root = root;
  }

  /** The path itself may have symbolic links in it. Throws errno errors. */
  static async open(path: string): Promise<ConfinedDirectory> {
    return new ConfinedDirectory(await open(path, O_RDONLY | O_DIRECTORY));
  }

  /** Makes a directory that only we can use; one that is there stays as it is. */
  async makeDirectory(names: Names): Promise<void> {
    await this.#directory(names);
  }

  async setDirectory(names: Names, { mode, mtime }: Attributes): Promise<void> {
    const directory = await this.#directory(names);
    await directory.chmod(mode);
    await directory.utimes(mtime, mtime);
  }

  /** Makes a file, complete or not at all, in the place of a file or link of that name. */
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

  /** As {@link writeFile}. Where the target leads is for the caller to check. */
  async makeSymlink(names: Names, target: string): Promise<void> {
    await this.#place(names, (path) => symlink(target, path));
  }

  /** As {@link writeFile}: another name for a file below this directory. False when there is no such file. */
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

  /** Makes something under a name of its own and gives it the right one when it is complete. */
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
      // Also when all went well: of two names for one file, rename leaves both.
      await rm(temporary, { force: true });
    }
  }

  /** Good until the next call. */
  async #directory(names: Names): Promise<FileHandle> {
    const key = names.join("/");
    if (this.#last?.key === key) return this.#last.handle;
    const handle = await this.#open(names);
    await this.#last?.handle.close();
    this.#last = { key, handle };
    return handle;
  }

  /** Opens a directory; those that are missing on the way are made. */
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

/** In large writes: archives come in small pieces. */
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

/** A path of what an open directory has under that name, whatever became of the directory's own path. */
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
