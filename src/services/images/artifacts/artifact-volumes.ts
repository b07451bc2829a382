import { constants } from "node:fs";
import { chmod, copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SingleFlight } from "../../../ground/sync/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { Snapshotter } from "../../snapshots/index.ts";
import { ImageError } from "../image-error.ts";
import type { Image } from "../images.ts";
import { extractKey } from "../layer-installer.ts";
import type { ResolvedImage } from "../resolved-images.ts";
import { type ArtifactFile, type ArtifactLimits, artifactFiles } from "./artifact-files.ts";

export type ArtifactVolumesParts = {
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly artifactLimits: ArtifactLimits;
};

/**
 * The snapshots from which artifacts are mounted. Each has the artifact's files, readable by everybody, and
 * is created once; as for an image's layers, a view of it is mounted.
 */
export class ArtifactVolumes {
  readonly #parts: ArtifactVolumesParts;
  readonly #inFlight = new SingleFlight<string, void>();

  constructor(parts: ArtifactVolumesParts) {
    this.#parts = parts;
  }

  /** Throws ImageError if the artifact cannot be mounted, see {@link artifactFiles}. */
  check({ layers }: Pick<Image, "layers">): void {
    artifactFiles(layers, this.#parts.artifactLimits);
  }

  /**
   * Creates the artifact's snapshot unless it exists, and returns its key. Throws ImageError; NotFound if a
   * file's content was removed.
   */
  async prepare(image: Image, signal?: AbortSignal): Promise<string> {
    const key = artifactKey(image);
    if (this.#parts.snapshotter.stat(key) === undefined)
      await this.#inFlight.join(key, signal, (shared) => this.#make(key, image, shared));
    return key;
  }

  async #make(key: string, image: Image, signal: AbortSignal): Promise<void> {
    const { snapshotter, artifactLimits } = this.#parts;
    const files = artifactFiles(image.layers, artifactLimits);
    const draft = extractKey(key);
    // A snapshot that an earlier failure could not remove.
    if (snapshotter.stat(draft) !== undefined) await snapshotter.remove(draft);
    await snapshotter.prepare(draft, undefined);
    try {
      const directory = snapshotter.directory(draft);
      for (const file of files) await this.#write(file, directory, image, signal);
      await snapshotter.commit(key, draft);
    } catch (error) {
      await snapshotter.remove(draft);
      throw error;
    }
  }

  /** Copies a blob, with a reflink if the file system supports it. */
  async #write(
    { names, blob }: ArtifactFile,
    directory: string,
    image: Image,
    signal: AbortSignal,
  ): Promise<void> {
    const { content } = this.#parts;
    signal.throwIfAborted();
    if (!content.has(blob.digest)) {
      throw new ImageError(
        "NotFound",
        `artifact ${image.id} is incomplete: ${blob.digest} was removed from content; pull it again`,
      );
    }
    const path = join(directory, ...names);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await copyFile(content.path(blob.digest), path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(path, 0o644);
  }
}

/** The key of the snapshot of an artifact's files; unlike those of layers, it is not a digest. */
export function artifactKey({ manifest }: Pick<ResolvedImage, "manifest">): string {
  return `artifact ${manifest.digest}`;
}
