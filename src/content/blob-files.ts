import { link, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, isDigest } from "../oci/index.ts";
import { fileError } from "./content-error.ts";
import { syncDirectory } from "./durable.ts";

/** The blobs' files. They are shared by all namespaces; records say who has which. */
export class BlobFiles {
  readonly #directory: string;

  constructor(root: string) {
    this.#directory = join(root, "blobs", "sha256");
  }

  /** Makes the directory. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  path(digest: Digest): string {
    return join(this.#directory, digestHex(digest));
  }

  /** Digests for which there is a file. */
  async list(): Promise<ReadonlySet<Digest>> {
    const names = await readdir(this.#directory);
    return new Set(names.map((name) => `sha256:${name}`).filter(isDigest));
  }

  async read(digest: Digest): Promise<Uint8Array> {
    try {
      return await readFile(this.path(digest));
    } catch (error) {
      throw fileError(`reading blob ${digest}`, error);
    }
  }

  /** Gives a file that is verified and synced the blob's name, besides its own; durable when it resolves. */
  async adopt(file: string, digest: Digest): Promise<void> {
    try {
      // One that a commit cut short has left behind is of no known content.
      await rm(this.path(digest), { force: true });
      await link(file, this.path(digest));
      await syncDirectory(this.#directory);
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
}
