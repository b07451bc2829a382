import { mkdir, mkdtemp, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../../ground/errors/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
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
  readonly #hostPaths: HostPaths;

  /** `staging`: a directory of its own, in which archives are taken apart. */
  constructor(
    staging: string,
    workers: WorkerPool,
    installer: ImageInstaller,
    { trees, hostPaths }: { readonly trees: TreeRemover; readonly hostPaths: HostPaths },
  ) {
    this.#staging = staging;
    this.#workers = workers;
    this.#installer = installer;
    this.#trees = trees;
    this.#hostPaths = hostPaths;
  }

  /** Throws away what a crash has left. */
  async clean(): Promise<void> {
    await this.#trees.remove(this.#staging);
  }

  /**
   * Returns the ids of the images. The threads that unpack layers get to see only what answered before: one that waits for a
   * dead file system would be lost to pulls. Throws HostPathError Unavailable for what does not answer.
   */
  async import(path: string, signal: AbortSignal): Promise<readonly Digest[]> {
    // Imports have nothing to do with each other: what they share is the file system, which has limits of its own.
    const lookUp = this.#hostPaths.of(`import of ${path}`, signal);
    const laidOut = await lookUp(path, () => look(path));
    if (laidOut !== undefined) return await this.#install(laidOut, path, signal);
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

/** The images of a directory; undefined for a file that can be read. */
async function look(path: string): Promise<readonly ArchivedImage[] | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return await imagesOfDirectory(path);
    if (!found.isFile()) throw new ImageError("InvalidArgument", `${path}: neither a file nor a directory`);
    await using file = await open(path);
    await file.read(Buffer.alloc(1), 0, 1, 0);
    return undefined;
  } catch (cause) {
    if (cause instanceof BerthError) throw cause;
    throw new ImageError("NotFound", `${path}: cannot be read`, { cause });
  }
}
