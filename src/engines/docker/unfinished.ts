import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import { replaceFile } from "../../services/runtime/index.ts";

/**
 * Names of unfinished sandboxes in Docker: those that are being created, and those that were when berthd or
 * Docker ended. Each is recorded before the request to Docker, so that a crash leaves a trace; on the tmpfs
 * of the state directory, whose files need no fsync. After a reboot, an unfinished sandbox appears as a pod
 * that has ended.
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
    replaceFile(this.#path(name), name);
    this.#names.add(name);
  }

  /** To be called when it is finished or gone. */
  delete(name: string): void {
    rmSync(this.#path(name), { force: true });
    this.#names.delete(name);
  }

  #path(name: string): string {
    return join(this.#directory, fileOf(name));
  }
}

/** Hashed, since names of pods can be longer than file names. */
function fileOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

/** Removes files that a killed daemon did not write completely: the request to Docker had not been sent. */
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
