import { hasCode } from "../../../ground/errors/index.ts";
import type { Labels } from "../../../ground/labels/index.ts";
import { allOrStop, Semaphore } from "../../../ground/sync/index.ts";
import {
  type Descriptor,
  type Digest,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  type Platform,
} from "../../../parts/oci/index.ts";
import { maxSmallBytes } from "../../../parts/registry/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { ContentHold } from "../content-hold.ts";
import { ImageError } from "../image-error.ts";
import type { ImageInstaller } from "../image-installer.ts";
import type { ImageSource } from "../image-source.ts";
import type { LayerFetcher } from "../layer-fetcher.ts";
import type { ProgressListeners } from "../layer-progress.ts";
import { recordSource } from "../push/blob-sources.ts";
import { planImage } from "../resolve-image.ts";
import type { ReadSmall, SelectedManifest } from "../select-manifest.ts";
import type { TransferProgress } from "./image-transfers.ts";
import { followTree, type Tree, type TreeDocument, type Wanted } from "./tree.ts";

export type TreeInstallerParts = {
  readonly content: ContentStore;
  readonly platform: Platform;
  readonly installer: ImageInstaller;
  readonly fetcher: LayerFetcher;
  readonly progress: ProgressListeners;
  readonly maxConcurrentLayers: number;
};

export type TreeRequest = {
  readonly source: ImageSource;
  readonly target: Descriptor;
  readonly wanted: Wanted;
  /** Whether to unpack the image for this machine, if it is included. */
  readonly unpack: boolean;
  /**
   * Throws if a part must not be used, for whichever machine. Called for each manifest, with its digest and
   * those of the indexes that contain it, before any layer is fetched.
   */
  readonly requireTrusted?: (digests: readonly Digest[], signal: AbortSignal) => Promise<void>;
  readonly onProgress: (progress: TransferProgress) => void;
};

/** Fetches the wanted parts of a target, of any kind and for any machines, into the content store. */
export class TreeInstaller {
  readonly #parts: TreeInstallerParts;

  constructor(parts: TreeInstallerParts) {
    this.#parts = parts;
  }

  /** `hold` keeps what has arrived. Throws ImageError, OciFormatError, RegistryError. */
  async install(request: TreeRequest, hold: ContentHold, signal: AbortSignal): Promise<void> {
    const { content } = this.#parts;
    const { source, target, wanted, onProgress } = request;
    const read = reader(content, source, signal);
    const whole = await followTree(target, read, wanted, signal);
    const tree = await withoutAbsent(whole, source);
    const all = [...tree.documents.map(({ descriptor }) => descriptor), ...tree.blobs];
    await hold.add(all);
    const here = new Set(all.map(({ digest }) => digest).filter((digest) => content.has(digest)));
    for (const [child, parents] of parentsOf(tree))
      onProgress({ state: "waiting", descriptor: child, parents, bytes: 0 });
    for (const digests of chainsOf(tree)) await request.requireTrusted?.(digests, signal);
    const unpacked = request.unpack ? await this.#unpackOwn(request, whole, read, signal) : new Set<Digest>();
    const brought = (descriptor: Descriptor): void => {
      const state = here.has(descriptor.digest) ? "exists" : "done";
      if (!unpacked.has(descriptor.digest))
        onProgress({ state, descriptor, parents: [], bytes: descriptor.size });
    };
    await this.#download(request, tree.blobs, brought, signal);
    for (const document of tree.documents) {
      const { descriptor, bytes } = document;
      const { digest, mediaType } = descriptor;
      await content.put(bytes, { digest, mediaType, labels: referenceLabels(document) });
      brought(descriptor);
    }
    if (source.repository !== undefined)
      await recordSource(
        content,
        all.map(({ digest }) => digest),
        source.repository,
      );
  }

  /** Unpacks the image for this machine, if all of it is wanted; returns the layers that it unpacked. */
  async #unpackOwn(
    request: TreeRequest,
    tree: Tree,
    read: ReadSmall,
    signal: AbortSignal,
  ): Promise<ReadonlySet<Digest>> {
    const small = readerOf(tree, read);
    const selected = await this.#ownImage(request.target, small);
    if (selected === undefined || !isWhole(selected, tree)) return new Set();
    return await this.#unpack(request, tree, small, signal);
  }

  /** The image for this machine, if it is wanted; undefined for content without one. */
  async #ownImage(target: Descriptor, small: ReadSmall): Promise<SelectedManifest | undefined> {
    try {
      return (await planImage(target, small, this.#parts.platform)).selected;
    } catch (error) {
      if (hasCode(error, "NotFound") || hasCode(error, "Unimplemented")) return undefined;
      throw error;
    }
  }

  async #unpack(
    { source, target, onProgress }: TreeRequest,
    { blobs }: Tree,
    small: ReadSmall,
    signal: AbortSignal,
  ): Promise<ReadonlySet<Digest>> {
    const fromTree: ImageSource = { ...source, small, layer: (descriptor) => source.layer(descriptor) };
    const byDigest = new Map(blobs.map((blob) => [blob.digest, blob]));
    const unpacked = new Set<Digest>();
    await this.#parts.installer.bring(
      {
        source: fromTree,
        target,
        onProgress: (progress) => {
          const descriptor = progress.kind === "layer" ? byDigest.get(progress.digest) : undefined;
          if (progress.kind !== "layer" || descriptor === undefined) return;
          // The layer is already unpacked, but the state of its blob is still to be reported.
          if (progress.state === "exists") return;
          const state = progress.state === "done" ? "extracted" : progress.state;
          if (state === "extracted") unpacked.add(descriptor.digest);
          onProgress({ state, descriptor, parents: [], bytes: progress.receivedBytes });
        },
      },
      signal,
    );
    return unpacked;
  }

  /** Fetches the blobs concurrently; if one fails, the others are stopped. */
  async #download(
    { source, onProgress }: TreeRequest,
    blobs: readonly Descriptor[],
    brought: (blob: Descriptor) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { fetcher, progress, maxConcurrentLayers } = this.#parts;
    const slots = new Semaphore(maxConcurrentLayers);
    await allOrStop(blobs, signal, async (descriptor, either) => {
      using _slot = await slots.acquire(either);
      using _watch = progress.watch([descriptor], (each) => {
        if (each.kind === "layer" && each.state === "downloading")
          onProgress({ state: each.state, descriptor, parents: [], bytes: each.receivedBytes });
      });
      await fetcher.download(descriptor, (blob) => source.layer(blob), either);
      brought(descriptor);
    });
  }
}

/**
 * Without layers that must not be distributed and that an archive therefore does not have, as in those that
 * berth saves. To unpack an image, all of its layers are needed.
 */
async function withoutAbsent({ documents, blobs }: Tree, source: ImageSource): Promise<Tree> {
  const isThere = (blob: Descriptor) =>
    source.layer(blob).then(
      () => true,
      (error: unknown) => {
        if (hasCode(error, "InvalidArgument")) return false;
        throw error;
      },
    );
  const there = await Promise.all(
    blobs.map(async (blob) => !isForeignLayerType(blob.mediaType) || (await isThere(blob))),
  );
  return { documents, blobs: blobs.filter((_, index) => there[index]) };
}

/** Reads documents from the tree; a document that is not in it is not wanted. */
function readerOf({ documents }: Tree, read: ReadSmall): ReadSmall {
  const known = new Map(documents.map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
  return async (descriptor) => {
    const bytes = known.get(descriptor.digest);
    if (bytes !== undefined) return bytes;
    if (isIndexType(descriptor.mediaType) || isManifestType(descriptor.mediaType))
      throw new ImageError("NotFound", `${descriptor.digest} was not requested`);
    return await read(descriptor);
  };
}

function isWhole({ manifest }: SelectedManifest, { blobs }: Tree): boolean {
  const digests = new Set(blobs.map(({ digest }) => digest));
  return manifest.layers.every(({ digest }) => digests.has(digest));
}

/** Reads documents from the content store, or from the source. */
function reader(content: ContentStore, source: ImageSource, signal: AbortSignal): ReadSmall {
  return async (descriptor) =>
    content.has(descriptor.digest)
      ? await content.read(descriptor.digest, maxSmallBytes)
      : await source.small(descriptor, signal);
}

/** Each part with the documents that refer to it; the target has none. */
function parentsOf({ documents, blobs }: Tree): readonly (readonly [Descriptor, readonly Descriptor[]])[] {
  const parents = new Map<Digest, Descriptor[]>();
  for (const { descriptor, children } of documents) {
    for (const { digest } of children) parents.set(digest, [...(parents.get(digest) ?? []), descriptor]);
  }
  const topDown = documents.map(({ descriptor }) => descriptor).toReversed();
  return [...topDown, ...blobs].map((each) => [each, parents.get(each.digest) ?? []]);
}

/**
 * For each document that contains no other document of the tree: its digest, and those of all documents that
 * contain it, directly or indirectly.
 */
function chainsOf(tree: Tree): readonly (readonly Digest[])[] {
  const parents = new Map(parentsOf(tree).map(([{ digest }, above]) => [digest, above]));
  const inside = new Set(tree.documents.map(({ descriptor }) => descriptor.digest));
  const leaves = tree.documents.filter(({ children }) => !children.some(({ digest }) => inside.has(digest)));
  return leaves.map(({ descriptor }) => {
    const chain = new Set([descriptor.digest]);
    // The set grows during the loop, which visits added members, too.
    for (const digest of chain) for (const parent of parents.get(digest) ?? []) chain.add(parent.digest);
    return [...chain];
  });
}

/**
 * The labels by which garbage collection finds what a document refers to. They include an index's unwanted
 * images, which another name may have brought; garbage collection skips what is missing.
 */
function referenceLabels({ descriptor, references }: TreeDocument): Labels {
  const isIndex = isIndexType(descriptor.mediaType);
  const key = (index: number) => (isIndex ? `m.${index}` : index === 0 ? "config" : `l.${index - 1}`);
  return Object.fromEntries(
    references.map(({ digest }, index) => [`containerd.io/gc.ref.content.${key(index)}`, digest]),
  );
}
