import { link, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Coalescer } from "../../ground/sync/index.ts";
import {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  isDigest,
} from "../../parts/oci/index.ts";
import { fileError } from "./content-error.ts";

const algorithms: readonly DigestAlgorithm[] = ["sha256", "sha512"];

/** The blobs' files, shared by all namespaces; records say which namespace has which blob. */
export class BlobFiles {
  readonly #directory: string;
  /** Blobs that are named at the same time share one sync. */
  readonly #syncs = new Map<DigestAlgorithm, Coalescer>(
    algorithms.map((algorithm) => [
      algorithm,
      new Coalescer(() => syncDirectory(this.#directoryOf(algorithm))),
    ]),
  );

  constructor(root: string) {
    this.#directory = join(root, "blobs");
  }

  /** Creates the directories. */
  async open(): Promise<void> {
    for (const algorithm of algorithms)
      await mkdir(this.#directoryOf(algorithm), { recursive: true, mode: 0o700 });
  }

  path(digest: Digest): string {
    return join(this.#directoryOf(digestAlgorithm(digest)), digestHex(digest));
  }

  /** Digests that have a file. */
  async list(): Promise<ReadonlySet<Digest>> {
    const found = algorithms.map(async (algorithm) => {
      const names = await readdir(this.#directoryOf(algorithm));
      return names.map((name) => `${algorithm}:${name}`).filter(isDigest);
    });
    return new Set((await Promise.all(found)).flat());
  }

  async read(digest: Digest): Promise<Uint8Array> {
    try {
      return await readFile(this.path(digest));
    } catch (error) {
      throw fileError(`reading blob ${digest}`, error);
    }
  }

  /**
   * Links a verified and synced file under the blob's name, in addition to its own; durable when it resolves.
   * With `sync`, which makes the whole file system durable, the file need not be synced.
   */
  async adopt(
    file: string,
    digest: Digest,
    sync: () => Promise<void> = () => this.#syncNames(digestAlgorithm(digest)),
  ): Promise<void> {
    try {
      // A file left by an interrupted commit has unknown content.
      await rm(this.path(digest), { force: true });
      await link(file, this.path(digest));
      await sync();
    } catch (error) {
      throw fileError(`naming blob ${digest}`, error);
    }
  }

  /** Not an error if it does not exist. */
  async remove(digest: Digest): Promise<void> {
    try {
      await rm(this.path(digest), { force: true });
    } catch (error) {
      throw fileError(`deleting blob ${digest}`, error);
    }
  }

  async #syncNames(algorithm: DigestAlgorithm): Promise<void> {
    await this.#syncs.get(algorithm)?.run();
  }

  #directoryOf(algorithm: DigestAlgorithm): string {
    return join(this.#directory, algorithm);
  }
}

/** Makes a directory's entries durable, after a file in it was created, renamed or deleted. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
