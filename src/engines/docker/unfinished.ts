import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";

/**
 * Docker's names of sandboxes that are not whole: those that are being made, and those that a daemon, ours or
 * Docker's, left when it ended in the midst of that. They are written down before Docker is asked for
 * anything, so that a crash shows; on the tmpfs of the state directory, whose files cost no wait. After a
 * restart of the machine, what was being made is seen as a pod that has ended.
 */
export class Unfinished {
  readonly #directory: string;
  readonly #names: Set<string>;

  constructor(directory: string) {
    this.#directory = directory;
    this.#names = new Set(readNames(directory));
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  names(): readonly string[] {
    return [...this.#names];
  }

  add(name: string): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(this.#path(name), name, { mode: 0o600 });
    this.#names.add(name);
  }

  /** It is whole, or gone. */
  delete(name: string): void {
    rmSync(this.#path(name), { force: true });
    this.#names.delete(name);
  }

  #path(name: string): string {
    return join(this.#directory, fileOf(name));
  }
}

/** Names of pods can be longer than those of files. */
function fileOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

/** A file that a daemon was killed in the midst of writing goes: Docker had not been asked for anything. */
function readNames(directory: string): readonly string[] {
  return filesIn(directory).flatMap((file) => {
    const name = readFileSync(join(directory, file), "utf8");
    if (fileOf(name) === file) return [name];
    rmSync(join(directory, file));
    return [];
  });
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
