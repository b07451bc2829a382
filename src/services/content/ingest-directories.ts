import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import { fileError } from "./content-error.ts";
import type { IngestStatus, WantedBlob } from "./store.ts";

/** The ingests of one namespace: a directory for each, with its ref and data. */
export class IngestDirectories {
  readonly #root: string;

  /** `root` is created with the first ingest. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Path of a ref's data file, whether or not it exists. */
  dataPath(ref: string): string {
    return join(this.#directory(ref), "data");
  }

  /**
   * Creates the directory of a ref if it does not exist. The time of the file `ref` is the ingest's start.
   */
  async create(ref: string, wanted?: WantedBlob): Promise<void> {
    const directory = this.#directory(ref);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      if ((await readRef(directory)) !== ref) await writeFile(join(directory, "ref"), ref, { mode: 0o600 });
      if (wanted !== undefined)
        await writeFile(join(directory, "wanted"), JSON.stringify(wanted), { mode: 0o600 });
    } catch (error) {
      throw fileError(`making ingest ${ref}`, error);
    }
  }

  async remove(ref: string): Promise<void> {
    try {
      await rm(this.#directory(ref), { recursive: true, force: true });
    } catch (error) {
      throw fileError(`removing ingest ${ref}`, error);
    }
  }

  /** Undefined if there is none. */
  async find(ref: string): Promise<IngestStatus | undefined> {
    return await status(this.#directory(ref));
  }

  async list(): Promise<readonly IngestStatus[]> {
    const statuses = await Promise.all((await this.#names()).map((name) => status(join(this.#root, name))));
    return statuses.filter((found) => found !== undefined);
  }

  /** Removes directories that a crash left without a ref. */
  async clean(): Promise<void> {
    for (const name of await this.#names()) {
      const directory = join(this.#root, name);
      const ref = await readRef(directory);
      if (ref === undefined || this.#directory(ref) !== directory)
        await rm(directory, { recursive: true, force: true });
    }
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#root);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return [];
      throw fileError(`listing ingests in ${this.#root}`, error);
    }
  }

  /** Refs are free text, so directories are named by their hash. */
  #directory(ref: string): string {
    return join(this.#root, createHash("sha256").update(ref).digest("hex"));
  }
}

/** Undefined if it is being removed or created. */
async function status(directory: string): Promise<IngestStatus | undefined> {
  const ref = await readRef(directory);
  if (ref === undefined) return undefined;
  try {
    const [{ size, mtimeMs }, { mtimeMs: startedAtMs }, wanted] = await Promise.all([
      stat(join(directory, "data")),
      stat(join(directory, "ref")),
      readWanted(directory),
    ]);
    return { ref, offsetBytes: size, wanted, startedAtMs, updatedAtMs: mtimeMs };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw fileError(`looking at ingest ${ref}`, error);
  }
}

/** A file truncated by a crash counts as missing. */
async function readWanted(directory: string): Promise<WantedBlob> {
  try {
    const { digest, sizeBytes }: Partial<WantedBlob> = JSON.parse(
      await readFile(join(directory, "wanted"), "utf8"),
    );
    return { digest, sizeBytes };
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !(error instanceof SyntaxError)) throw error;
    return { digest: undefined, sizeBytes: undefined };
  }
}

async function readRef(directory: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, "ref"), "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw fileError(`reading ingest ${directory}`, error);
  }
}
