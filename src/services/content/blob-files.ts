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

/** The blobs' files. They are shared by all namespaces; records say who has which. */
export class BlobFiles {
  readonly #directory: string;
  /** Blobs that get their names at the same time wait for the disk together. */
  readonly #syncs = new Map<DigestAlgorithm, Coalescer>(
    algorithms.map((algorithm) => [
      algorithm,
      new Coalescer(() => syncDirectory(this.#directoryOf(algorithm))),
    ]),
  );

  constructor(root: string) {
    this.#directory = join(root, "blobs");
  }

  /** Makes the directories. */
  async open(): Promise<void> {
    for (const algorithm of algorithms)
      await mkdir(this.#directoryOf(algorithm), { recursive: true, mode: 0o700 });
  }

  path(digest: Digest): string {
    return join(this.#directoryOf(digestAlgorithm(digest)), digestHex(digest));
  }

  /** Digests for which there is a file. */
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
   * Gives a file that is verified and synced the blob's name, besides its own; durable when it resolves.
   * `sync` makes the whole file system so, a file that is not synced with it.
   */
  async adopt(
    file: string,
    digest: Digest,
    sync: () => Promise<void> = () => this.#syncNames(digestAlgorithm(digest)),
  ): Promise<void> {
    try {
      // One that a commit cut short has left behind is of no known content.
      await rm(this.path(digest), { force: true });
      await link(file, this.path(digest));
      await sync();
    } catch (error) {
      throw fileError(`naming blob ${digest}`, error);
    }
  }

  /** No error when it is not there. */
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

/** Makes the names in a directory durable, after a file in it was made, renamed or deleted. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
