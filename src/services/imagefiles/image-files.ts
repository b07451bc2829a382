import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { hasCode } from "../../ground/errors/index.ts";
import { type Digest, mediaType, type Platform } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Differ, LayerBlob, LayerDiffs, PathChange } from "../diff/index.ts";
import type { Image, Images } from "../images/index.ts";
import type { Leases } from "../leases/index.ts";
import type { ReadSnapshot, Snapshotter } from "../snapshots/index.ts";
import { Hold } from "./hold.ts";
import { ImageFilesError } from "./image-files-error.ts";
import { imageOf, imageWith, type NewLayer } from "./new-image.ts";

export type ImageFilesOptions = {
  readonly images: Images;
  /** Belongs to one containerd namespace, as do `leases` and `snapshotter`. */
  readonly content: ContentStore;
  readonly leases: Leases;
  /** That of images. */
  readonly snapshotter: Snapshotter;
  /** All that have snapshots: a container may be of a time when another one was configured. */
  readonly snapshotters: () => readonly Snapshotter[];
  readonly layerDiffs: LayerDiffs;
  readonly differ: Differ;
  /** Platform of images that are created from archives. */
  readonly platform: Platform;
};

/** Metadata of a new image. */
type About = Pick<NewLayer, "changes" | "author" | "comment"> & {
  /** A reference without a digest; undefined for an image without a name. */
  readonly name: string | undefined;
};

export type CommitRequest = About & {
  /** Key of the container's writable snapshot, which must not be removed in the meantime. */
  readonly snapshotKey: string;
  /** The container's image. */
  readonly imageId: Digest;
  /** The container's mount points: files created only for them do not become part of the image. */
  readonly mountPoints?: readonly string[];
};

export type ImportRequest = About & {
  /** Path of the tar archive, uncompressed or compressed with gzip or zstd. */
  readonly archive: string;
};

export type MadeImage = { readonly id: Digest; readonly name: string | undefined };

/**
 * The operations of this room. Throws ImageError, ImageFilesError, DiffError, SnapshotError, ContentError.
 */
export class ImageFiles {
  readonly #options: ImageFilesOptions;

  private constructor(options: ImageFilesOptions) {
    this.#options = options;
  }

  static async open(options: ImageFilesOptions): Promise<ImageFiles> {
    await Hold.clean(options.leases, options.snapshotters());
    return new ImageFiles(options);
  }

  /**
   * How an image differs from another one, or without one, from its own layers except the topmost. Sorted by
   * path; within a directory, deletions come first.
   */
  async *diff(name: string, other: string | undefined, signal: AbortSignal): AsyncGenerator<PathChange> {
    const { images, layerDiffs } = this.#options;
    // What is removed meanwhile is collected once it is no longer read.
    using _image = images.hold(name);
    using _other = images.hold(other ?? name);
    const image = this.#find(name);
    using upper = await images.read(image);
    using lower = other === undefined ? await this.#readBelow(image) : await images.read(this.#find(other));
    yield* layerDiffs.changes({ lower: lower.mounts, upper: upper.mounts }, signal);
  }

  /** Creates an image from a container's image, with the container's changes as an additional layer. */
  async commit(
    { snapshotKey, imageId, mountPoints, ...about }: CommitRequest,
    signal: AbortSignal,
  ): Promise<MadeImage> {
    const { content, layerDiffs, images } = this.#options;
    const snapshotter = this.#holderOf(snapshotKey);
    // With its blobs, even if its names are removed meanwhile.
    using _image = images.hold(imageId);
    const image = this.#find(imageId);
    await using hold = await this.#hold("commit");
    const base = await images.inspect(image.id);
    // What it was made on, wherever the image may be unpacked as well.
    using below = await snapshotter.read(snapshotter.stat(snapshotKey)?.parent);
    const mounts = { lower: below.mounts, upper: snapshotter.mounts(snapshotKey) };
    const held = (digest: Digest) => hold.add([{ kind: "content", digest }]);
    const blob = await layerDiffs.compare(content, mounts, {
      compression: "gzip",
      mountPoints,
      hold: held,
      signal,
    });
    const target = await imageWith(
      { ...base, manifest: image.manifest },
      { ...blob, ...about },
      content,
      hold,
    );
    return await this.#named(target, about, signal);
  }

  /** The files of a container as an uncompressed tar; the container may write to them in the meantime. */
  export(snapshotKey: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { layerDiffs } = this.#options;
    return layerDiffs.archive(this.#holderOf(snapshotKey).mounts(snapshotKey), signal);
  }

  /** Creates an image with one layer, the unchanged archive. */
  async import({ archive, ...about }: ImportRequest, signal: AbortSignal): Promise<MadeImage> {
    const { content, platform } = this.#options;
    await using hold = await this.#hold("import");
    const kept = await this.#keep(archive, hold, signal);
    const blob = await this.#unpack(kept, hold, signal).catch((cause: unknown) => {
      if (!hasCode(cause, "InvalidArgument")) throw cause;
      throw new ImageFilesError("InvalidArgument", "the archive: not a tar archive of files", { cause });
    });
    const target = await imageOf({ ...blob, ...about }, platform, content, hold);
    return await this.#named(target, about, signal);
  }

  async #named(target: LayerBlob["descriptor"], { name }: About, signal: AbortSignal): Promise<MadeImage> {
    const { id } = await this.#options.images.adopt(target, name, signal);
    return { id, name };
  }

  /** Stores the archive as a blob. */
  async #keep(archive: string, hold: Hold, signal: AbortSignal): Promise<LayerBlob["descriptor"]> {
    const { content } = this.#options;
    const ref = `import-${randomUUID()}`;
    await hold.add([{ kind: "ingest", ref }]);
    await using file = await open(archive);
    const { size } = await file.stat();
    const writer = await content.hashingWriter(ref, { digest: undefined, sizeBytes: size });
    try {
      let type: string | undefined;
      for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false })) {
        signal.throwIfAborted();
        type ??= typeOf(chunk);
        await writer.write(chunk);
      }
      const digest = writer.digest();
      await hold.add([{ kind: "content", digest }]);
      await writer.commit({ digest, size: writer.offset, verified: true });
      return { mediaType: type ?? mediaType.ociLayer, digest, size };
    } finally {
      await writer[Symbol.asyncDispose]();
      await content.abort(ref);
    }
  }

  /** Unpacks a layer's blob to a snapshot. */
  async #unpack(descriptor: LayerBlob["descriptor"], hold: Hold, signal: AbortSignal): Promise<LayerBlob> {
    const { content, snapshotter, differ } = this.#options;
    const key = await hold.snapshotKey();
    await snapshotter.prepare(key, undefined);
    const target = snapshotter.layerTarget(key);
    const { digest: diffId } = await differ.unpack(content, descriptor, target, { sync: false, signal });
    await hold.add([{ kind: "snapshot", snapshotter: snapshotter.name, key: diffId }]);
    await snapshotter.commit(diffId, key).catch((error: unknown) => {
      if (!hasCode(error, "AlreadyExists")) throw error;
    });
    return { descriptor, diffId };
  }

  async #hold(purpose: string): Promise<Hold> {
    return await Hold.open(this.#options.leases, this.#options.snapshotter, purpose);
  }

  #holderOf(key: string): Snapshotter {
    const { snapshotter, snapshotters } = this.#options;
    return snapshotters().find((each) => each.stat(key) !== undefined) ?? snapshotter;
  }

  /** The image's layers except the topmost. */
  async #readBelow({ chainId }: Image): Promise<ReadSnapshot> {
    const { snapshotter } = this.#options;
    return await snapshotter.read(chainId === undefined ? undefined : snapshotter.stat(chainId)?.parent);
  }

  #find(name: string): Image {
    const image = this.#options.images.find(name);
    if (image !== undefined) return image;
    throw new ImageFilesError("NotFound", `image ${JSON.stringify(name)} not found`);
  }
}

/** The media type, from the first bytes. */
function typeOf(head: Uint8Array): string {
  const magic = Buffer.from(head).toString("hex", 0, 4);
  if (magic.startsWith("1f8b")) return mediaType.ociLayerGzip;
  return magic === "28b52ffd" ? mediaType.ociLayerZstd : mediaType.ociLayer;
}
