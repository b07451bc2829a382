import type { Descriptor, Digest, ImageConfig, Platform } from "../../parts/oci/index.ts";
import type { Credentials } from "../../parts/registry/index.ts";
import type { NewSnapshot, ReadSnapshot } from "../snapshots/index.ts";
import type { ArtifactFacts } from "./artifacts/artifact.ts";
import type { ImageUsage, NamedManifest } from "./overview/overview.ts";
import type { Pushed, PushRequest } from "./push/push.ts";
import type { SavedArchive, SaveRequest } from "./save/save.ts";
import type { ImageTransfers } from "./transfers/image-transfers.ts";

/**
 * Images of one containerd namespace, for doors: pull, import, list, remove. An image's identity is the
 * digest of its config: the same string is PullImage's image_ref, Image.id, Container.image_id and
 * ContainerStatus.image_id. References (tags and digests) point at images; several may point at one.
 */
export interface ImageCatalog {
  /**
   * Pulls and unpacks an image, or an artifact that can be mounted; returns once it is durable. Concurrent
   * pulls of one reference with the same credentials share one download (the last caller's abort ends it).
   * Throws ImageError or RegistryError; see Registry for the codes.
   */
  pull(request: PullRequest, signal?: AbortSignal): Promise<Image>;
  /**
   * Like {@link pull}, for any platform or all of them, and for any artifact, which is not unpacked. Content
   * that is not for this machine is stored under its names, but is not an {@link Image}: it can be pushed,
   * saved and tagged.
   */
  pullAny(request: PullAnyRequest, signal?: AbortSignal): Promise<Pulled>;
  /**
   * An OCI layout (directory or tar) or a `docker save` archive; returns the images, with exactly the names
   * in it. With `allPlatforms` indexes are imported completely, otherwise only what is for this machine. An
   * archive that was `sent` is not identified by its path, neither in errors nor to a signature policy.
   * Throws ImageError InvalidArgument, DataLoss, PolicyError.
   */
  importArchive(
    path: string,
    signal?: AbortSignal,
    from?: { readonly sent?: boolean; readonly allPlatforms?: boolean },
  ): Promise<readonly LoadedImage[]>;
  /**
   * Pushes the target of a name to a registry, with everything that it consists of: content that the registry
   * has is not sent, and a tag points to it only when all is there. A push that fails or is given up leaves
   * the store unchanged, and can be repeated. Throws ImageError (NotFound; InvalidArgument;
   * FailedPrecondition if something is missing both here and there), RegistryError (see RegistryWriter), and
   * OciFormatError.
   */
  push(request: PushRequest, signal?: AbortSignal): Promise<Pushed>;
  /**
   * An archive of images, which {@link importArchive} and other tools read. Everything that can fail except
   * reading is done when it resolves; the archive's content stays until it is disposed of, even if names are
   * removed. Throws ImageError (NotFound; InvalidArgument; FailedPrecondition for missing content) and
   * OciFormatError.
   */
  save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive>;
  /**
   * Gives an image, or an artifact by its name, a tag, which is moved if it exists. Returns the full name.
   * Throws ImageError NotFound and InvalidArgument, OciFormatError.
   */
  tag(idOrReference: string, tag: string): Promise<string>;
  list(): readonly Image[];
  /**
   * By id (full, with or without `sha256:`, or a unique prefix), reference (familiar form too) or digest
   * reference.
   */
  find(idOrReference: string): Image | undefined;
  /**
   * Everything known about an image, with its documents; with a platform, about its name's image for that.
   * Throws ImageError NotFound, also if its content was removed.
   */
  inspect(idOrReference: string, platform?: Platform): Promise<ImageDetails>;
  /** See {@link NamedManifest}. */
  manifests(): Promise<readonly NamedManifest[]>;
  /** Disk usage of each image, its own and shared. */
  usages(): Promise<readonly ImageUsage[]>;
  /**
   * Removes the images that the request selects, except those that are pinned, held or being pulled; resolves
   * when their content and snapshots are deleted.
   */
  prune(request: PruneRequest): Promise<PrunedImages>;
  /**
   * Removes images until their content and snapshots have freed this much space, least recently used first,
   * except those in use, pinned, held or being pulled.
   */
  freeSpace(request: FreeSpaceRequest): Promise<PrunedImages>;
  /**
   * Removes every reference of the image, or of the target of a reference that resolves to no image here; not
   * an error if it does not exist. Garbage collection deletes content and snapshots.
   */
  remove(idOrReference: string): Promise<void>;
  /**
   * Removes one name, a tag or a digest reference, with the digest references of its repository if it was the
   * last tag there. Returns the removed names: none, and nothing is done, for an id and for the last tag of
   * an image. A name that resolves to no image here is removed alone.
   */
  untag(reference: string): Promise<readonly string[]>;
  /**
   * Pins or unpins an image: kubelets do not remove a pinned one. It stays pinned when it is pulled again;
   * images pinned by the configuration stay pinned. Throws ImageError NotFound.
   */
  setPinned(idOrReference: string, pinned: boolean): Promise<Image>;
  /**
   * Until the returned object is disposed, the image that a reference or id names, now or later, is not
   * removed to free space: not by {@link prune} and {@link freeSpace}. If it loses its names all the same, it
   * is still found by its id, and complete.
   */
  hold(reference: string): Disposable;
  /** File systems that hold images and containers' writable layers. */
  fsInfo(): Promise<{ readonly images: FsUsage; readonly containers: FsUsage }>;
}

/** Images as file systems, for engines. */
export interface ImageRootfs {
  /**
   * Unpacks the image if its snapshot is gone, then prepares a writable snapshot with that key on top of it.
   * It is on disk with the next commit, or with that of `record`, see NewSnapshot. Throws ImageError
   * FailedPrecondition for an artifact.
   */
  prepareRootfs(image: Image, key: string, record?: NewSnapshot["record"]): Promise<void>;
  /**
   * The image's layers as they came, bottom first. Throws ContentError NotFound for one that is not stored.
   */
  layerFiles(
    image: Image,
  ): readonly { readonly path: string; readonly digest: Digest; readonly size: number }[];
  /**
   * Like {@link prepareRootfs}, with a read-only snapshot of the image, or of the files of an artifact.
   * Throws ImageError FailedPrecondition and InvalidArgument for an artifact that is too large or whose files
   * have invalid names.
   */
  prepareVolume(image: Image, key: string): Promise<void>;
  /**
   * To be called once a snapshot that was prepared of an image is removed: if the image was removed before,
   * garbage collection deletes its files soon.
   */
  released(imageId: string): void;
}

/** All operations on the images of a namespace. */
export interface Images extends ImageCatalog, ImageRootfs {
  readonly transfers: ImageTransfers;
  /**
   * Tags an image whose documents and layers are in the content store, or makes it known by its id, and
   * unpacks it if necessary. The caller must hold its content meanwhile. Throws as {@link pull} does.
   */
  adopt(target: Descriptor, tag: string | undefined, signal: AbortSignal): Promise<Image>;
  /**
   * Access to an artifact that is not an image: its manifest and what that refers to. Nothing of it is
   * stored. Throws OciFormatError.
   */
  artifact(request: Pick<PullRequest, "reference" | "credentials">): ArtifactSource;
  /**
   * The files of an image or artifact, to be mounted read-only, after unpacking it if necessary. Throws as
   * {@link prepareVolume} does.
   */
  read(image: Image): Promise<ReadSnapshot>;
  collectGarbage(): Promise<void>;
}

/** Throws RegistryError; see Registry for the codes. */
export interface ArtifactSource {
  /** The manifest or index of the reference, verified against its digest. */
  resolve(signal: AbortSignal): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
  /** The content of one of its descriptors, at most 4 MiB, verified. */
  small(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
}

export type PullRequest = {
  /** As the user wrote it. */
  readonly reference: string;
  readonly credentials?: Credentials;
  readonly onProgress?: (progress: PullProgress) => void;
};

export type PullAnyRequest = PullRequest & {
  /**
   * Default: this machine's platform. "all" includes everything that the reference points to, attestations
   * too.
   */
  readonly platform?: Platform | "all";
};

export type Pulled = {
  /**
   * The id of the image for the platform, or for this machine if all were pulled; the digest of the
   * reference's target if that has no such image. An artifact's id is the digest of its manifest.
   */
  readonly id: Digest;
};

export type PullProgress =
  | { readonly kind: "resolved"; readonly layers: readonly Descriptor[] }
  | {
      readonly kind: "layer";
      readonly digest: Digest;
      readonly state: "downloading" | "exists" | "done";
      readonly receivedBytes: number;
      readonly totalBytes: number;
    };

/** The contents of an archive; without an image for this machine, by the digest of all of it. */
export type LoadedImage = Pick<Image, "id" | "repoTags" | "repoDigests" | "sizeBytes">;

export type Image = {
  readonly id: Digest;
  /** `docker.io/library/busybox:latest`. */
  readonly repoTags: readonly string[];
  /** `docker.io/library/busybox@sha256:...`. */
  readonly repoDigests: readonly string[];
  /** Size of the compressed content. */
  readonly sizeBytes: number;
  readonly config: ImageConfig;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Name of the topmost layer's snapshot; undefined for an image without layers. */
  readonly chainId: Digest | undefined;
  readonly pinned: boolean;
  /** Its manifest's annotations say that it contains a checkpoint of a container. */
  readonly checkpoint: boolean;
  /**
   * For an artifact, which is not an image: its id is the digest of its manifest, its layers are its files,
   * and its configuration is empty. It can be mounted as a volume.
   */
  readonly artifact?: ArtifactFacts;
};

/** An image with details that its record does not have. */
export type ImageDetails = {
  readonly image: Image;
  /** The target of its names: the manifest, or indexes that lead to it. */
  readonly targets: readonly Descriptor[];
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
  /** Bottom first. */
  readonly layers: readonly ImageLayer[];
  /** When one of its names was last set or changed. */
  readonly namedAtNs: bigint;
};

export type ImageLayer = {
  readonly digest: Digest;
  readonly diffId: Digest;
  /** Disk usage of its files; undefined if it is not unpacked. */
  readonly unpackedBytes: number | undefined;
};

/** Which images to remove. */
export type PruneRequest = {
  /** Those without a tag, or all. */
  readonly which: "dangling" | "all";
  /** Only images all of whose names are older, as they are; nanoseconds since 1970. */
  readonly namedBeforeNs?: bigint;
  /** `key` or `key=value`: only images whose configuration has all of these labels. */
  readonly labels?: readonly string[];
  /** Only images whose configuration has none of these labels. */
  readonly withoutLabels?: readonly string[];
  /** Whether an image is in use, which always keeps it. */
  readonly isUsed: (image: Image) => boolean;
};

export type FreeSpaceRequest = {
  readonly bytes: number;
  /** When an image was last used, in nanoseconds since 1970, if known. */
  readonly usedAtNs: (image: Image) => bigint | undefined;
  /** Only images that were neither used nor named since. */
  readonly unusedSinceNs: bigint;
  /** Whether an image is in use. */
  readonly isUsed: (image: Image) => boolean;
};

export type PrunedImages = {
  readonly images: readonly PrunedImage[];
  /** Bytes of blobs and of unpacked files that were deleted. */
  readonly reclaimedBytes: number;
};

export type PrunedImage = { readonly id: Digest; readonly names: readonly string[] };

export type FsUsage = {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
};
