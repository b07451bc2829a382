import { mkdir, mkdtemp, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TreeRemover } from "../../ground/trees/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import { type ArchivedImage, imagesOfArchive, imagesOfDirectory } from "./archive.ts";
import { ImageError } from "./image-error.ts";
import type { ImageInstaller } from "./image-installer.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** What an archive may hold at most, unpacked; a full disk is noticed anyway. */
const maxArchiveBytes = 64 * 1024 ** 3;

/** Brings in the images of archives. */
export class Importer {
  readonly #staging: string;
  readonly #workers: WorkerPool;
  readonly #installer: ImageInstaller;
  readonly #trees: TreeRemover;

  /** `staging`: a directory of its own, in which archives are taken apart. */
  constructor(staging: string, workers: WorkerPool, installer: ImageInstaller, trees: TreeRemover) {
    this.#staging = staging;
    this.#workers = workers;
    this.#installer = installer;
    this.#trees = trees;
  }

  /** Throws away what a crash has left. */
  async clean(): Promise<void> {
    await this.#trees.remove(this.#staging);
  }

  /** Returns the ids of the images. */
  async import(path: string, signal: AbortSignal): Promise<readonly Digest[]> {
    if (await isDirectory(path)) return await this.#install(await imagesOfDirectory(path), path, signal);
    await mkdir(this.#staging, { recursive: true, mode: 0o700 });
    const directory = await mkdtemp(join(this.#staging, "import-"));
    try {
      const job = { kind: "stage", archive: path, directory, maxBytes: maxArchiveBytes } as const;
      const { files } = await this.#workers.run(job, signal);
      return await this.#install(await imagesOfArchive(files, path), path, signal);
    } finally {
      await this.#trees.remove(directory);
    }
  }

  async #install(
    images: readonly ArchivedImage[],
    path: string,
    signal: AbortSignal,
  ): Promise<readonly Digest[]> {
    if (images.length === 0) throw new ImageError("InvalidArgument", `${path}: holds no image`);
    const ids: Digest[] = [];
    for (const { target, names, source } of images) {
      ids.push(await this.#installer.install({ source, target, names, onProgress: () => undefined }, signal));
    }
    return [...new Set(ids)];
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new ImageError("NotFound", `${path}: cannot be read`, { cause });
  }
}
