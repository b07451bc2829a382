import type { Descriptor, Digest, ImageConfig, Platform } from "../../parts/oci/index.ts";
import type { Credentials } from "../../parts/registry/index.ts";
import type { NewSnapshot } from "../snapshots/index.ts";
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
   * Pulls and unpacks, an artifact that can be mounted too; returns once it is durable. Concurrent pulls of
   * one reference with the same credentials share one download (the last caller's abort ends it). Throws
   * ImageError or RegistryError; see Registry for the codes.
   */
  pull(request: PullRequest, signal?: AbortSignal): Promise<Image>;
  /**
   * Like {@link pull}, for any platform or all of them, and for any artifact, of which nothing is unpacked.
   * What is not for this machine is kept under its names, but is no {@link Image}: it can be pushed, saved
   * and tagged.
   */
  pullAny(request: PullAnyRequest, signal?: AbortSignal): Promise<Pulled>;
  /**
   * An OCI layout (directory or tar) or a `docker save` archive; returns what it brought, with the names that
   * it gives and no others. Of indexes with `allPlatforms` all that they consist of, else what is for this
   * machine. One that was `sent`
   * is not known by its path, neither in errors nor to a signature policy. Throws ImageError InvalidArgument,
   * DataLoss, PolicyError.
   */
  importArchive(
    path: string,
    signal?: AbortSignal,
    from?: { readonly sent?: boolean; readonly allPlatforms?: boolean },
  ): Promise<readonly LoadedImage[]>;
  /**
   * Brings what a name stands for to a registry, with all that it consists of: what the registry has is not
   * sent, and a tag comes to stand for it only when all is there. A push that fails or is given up leaves the
   * store as it was, and can be made again. Throws ImageError (NotFound; InvalidArgument; FailedPrecondition
   * when something is missing, here and there), RegistryError (see RegistryWriter), and OciFormatError.
   */
  push(request: PushRequest, signal?: AbortSignal): Promise<Pushed>;
  /**
   * An archive of images, which {@link importArchive} and other tools read. All that can fail but reading is
   * done when it resolves; what the archive consists of stays until it is disposed of, whatever becomes of
   * names. Throws ImageError (NotFound; InvalidArgument; FailedPrecondition for content that is not here) and
   * OciFormatError.
   */
  save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive>;
  /**
   * Gives an image, or an artifact by its name, a tag, which may have stood for another. Returns it in full.
   * Throws ImageError NotFound and InvalidArgument, OciFormatError.
   */
  tag(idOrReference: string, tag: string): Promise<string>;
  list(): readonly Image[];
  /**
   * By id (whole, with or without `sha256:`, or a prefix that is unique), reference (familiar form too) or
   * digest reference.
   */
  find(idOrReference: string): Image | undefined;
  /**
   * All that is known of an image, with its documents; with a platform, of what its name stands for on that.
   * Throws ImageError NotFound, also when its content was removed.
   */
  inspect(idOrReference: string, platform?: Platform): Promise<ImageDetails>;
  /** See {@link NamedManifest}. */
  manifests(): Promise<readonly NamedManifest[]>;
  /** What each image takes, by itself and with others. */
  usages(): Promise<readonly ImageUsage[]>;
  /**
   * Removes the images that the request means, but none that is pinned or being pulled; resolves when their
   * content and snapshots are gone.
   */
  prune(request: PruneRequest): Promise<PrunedImages>;
  /**
   * Removes images until their content and snapshots have made so much room, those first that were used least
   * recently; none that is used, pinned or being pulled.
   */
  freeSpace(request: FreeSpaceRequest): Promise<PrunedImages>;
  /**
   * Removes every reference of the image, or of what a reference that comes to no image here stands for; no
   * error when it is not there. Content and snapshots go by garbage collection.
   */
  remove(idOrReference: string): Promise<void>;
  /**
   * Takes one name away, a tag or a digest reference, with the digest references of its repository when it
   * was the last tag of that. Returns the names that are gone: none, and nothing is done, for an id and for
   * the last tag of an image. A name that comes to no image here goes alone.
   */
  untag(reference: string): Promise<readonly string[]>;
  /**
   * Pins an image, or no longer: kubelets leave a pinned one alone. It stays so when it is pulled anew; what
   * the configuration pins stays pinned. Throws ImageError NotFound.
   */
  setPinned(idOrReference: string, pinned: boolean): Promise<Image>;
  /** File systems that hold images and containers' writable layers. */
  fsInfo(): Promise<{ readonly images: FsUsage; readonly containers: FsUsage }>;
}

/** Images as file systems, for engines. */
export interface ImageRootfs {
  /**
   * Unpacks if the snapshot is gone, then prepares a writable snapshot with that key on top of the image. It
   * is on disk with the next commit, or with that of `record`, which see in NewSnapshot. Throws ImageError
   * FailedPrecondition for an artifact.
   */
  prepareRootfs(image: Image, key: string, record?: NewSnapshot["record"]): Promise<void>;
  /** The image's layers as they came, bottom first. Throws ContentError NotFound for one that is not kept. */
  layerFiles(
    image: Image,
  ): readonly { readonly path: string; readonly digest: Digest; readonly size: number }[];
  /**
   * Like {@link prepareRootfs}, with a snapshot that shows the image, or the files of an artifact, and cannot
   * be written to. Throws ImageError FailedPrecondition and InvalidArgument for an artifact that is too large
   * or whose files have impossible names.
   */
  prepareVolume(image: Image, key: string): Promise<void>;
}

/** All that the images of a namespace offer. */
export interface Images extends ImageCatalog, ImageRootfs {
  readonly transfers: ImageTransfers;
  /**
   * Gives an image whose documents and layers are in the content store a tag, or makes it known by its id,
   * and unpacks what is not unpacked. The caller holds its content meanwhile. Throws as {@link pull} does.
   */
  adopt(target: Descriptor, tag: string | undefined, signal: AbortSignal): Promise<Image>;
  /**
   * The way to an artifact that is no image: its manifest and what that refers to. Nothing of it is kept.
   * Throws OciFormatError.
   */
  artifact(request: Pick<PullRequest, "reference" | "credentials">): ArtifactSource;
  collectGarbage(): Promise<void>;
}

/** Throws RegistryError; see Registry for the codes. */
export interface ArtifactSource {
  /** The manifest or index of the reference, verified against its digest. */
  resolve(signal: AbortSignal): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
  /** What a descriptor of it names, of at most 4 MiB, verified. */
  small(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
}

export type PullRequest = {
  /** As the user wrote it. */
  readonly reference: string;
  readonly credentials?: Credentials;
  readonly onProgress?: (progress: PullProgress) => void;
};

export type PullAnyRequest = PullRequest & {
  /** Left out: this machine's. "all" takes all that the reference stands for, attestations too. */
  readonly platform?: Platform | "all";
};

export type Pulled = {
  /**
   * The id of the image for the platform, or of that for this machine among all; the digest of what the
   * reference stands for, where that holds no such image. An artifact's is that of its manifest.
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

/** What an archive brought; with no image for this machine in it, by the digest of all of it. */
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
  /** Its manifest's annotations say that it holds a checkpoint of a container. */
  readonly checkpoint: boolean;
  /**
   * Of an artifact, which is no image: its id is the digest of its manifest, its layers are its files, and
   * its configuration is empty. It can be mounted as a volume.
   */
  readonly artifact?: ArtifactFacts;
};

/** An image with what its record leaves out. */
export type ImageDetails = {
  readonly image: Image;
  /** What its names stand for: the manifest, or indexes that lead to it. */
  readonly targets: readonly Descriptor[];
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
  /** Bottom first. */
  readonly layers: readonly ImageLayer[];
  /** When one of its names was given or changed last. */
  readonly namedAtNs: bigint;
};

export type ImageLayer = {
  readonly digest: Digest;
  readonly diffId: Digest;
  /** What its files take on the disk; undefined where it is not unpacked. */
  readonly unpackedBytes: number | undefined;
};

/** Which images nobody needs. */
export type PruneRequest = {
  /** Those without a tag, or all. */
  readonly which: "dangling" | "all";
  /** Only images all of whose names are older, as they are; nanoseconds since 1970. */
  readonly namedBeforeNs?: bigint;
  /** `key` or `key=value`: only images whose configuration has all of these labels. */
  readonly labels?: readonly string[];
  /** No image whose configuration has one of these. */
  readonly withoutLabels?: readonly string[];
  /** Whether somebody needs it, whatever else is asked for. */
  readonly isUsed: (image: Image) => boolean;
};

export type FreeSpaceRequest = {
  readonly bytes: number;
  /** When an image was used last, in nanoseconds since 1970, as far as it is known. */
  readonly usedAtNs: (image: Image) => bigint | undefined;
  /** Only images that were neither used nor given a name since. */
  readonly unusedSinceNs: bigint;
  /** Whether somebody needs it. */
  readonly isUsed: (image: Image) => boolean;
};

export type PrunedImages = {
  readonly images: readonly PrunedImage[];
  /** Bytes of blobs and of unpacked files that are gone. */
  readonly reclaimedBytes: number;
};

export type PrunedImage = { readonly id: Digest; readonly names: readonly string[] };

export type FsUsage = {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
};
