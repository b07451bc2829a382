import {
  type Descriptor,
  type Digest,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  parseIndex,
  parseManifest,
} from "../../parts/oci/index.ts";
import { ImageError } from "./image-error.ts";

const maxIndexDepth = 4;

/** Everything that a target consists of, for a push or an archive. */
export type TransferPlan = {
  /** Configs, layers and files of artifacts. */
  readonly blobs: readonly PlannedBlob[];
  /** Manifests and indexes, each after what it refers to: the target comes last. */
  readonly documents: readonly PlannedDocument[];
};

export type PlannedBlob = {
  readonly descriptor: Descriptor;
  /** Digest of the document that refers to it. */
  readonly parent: Digest;
};

export type PlannedDocument = {
  readonly descriptor: Descriptor;
  /** Undefined if it is not in the content store. */
  readonly bytes: Uint8Array | undefined;
};

/** Reads a document; undefined if it is not in the content store. */
export type ReadDocument = (descriptor: Descriptor) => Promise<Uint8Array | undefined>;

/**
 * Follows a manifest or index to everything that it refers to. Layers that must not be distributed (foreign
 * layers) are left out, and so are the parts of an index that `isWanted` rejects. Throws OciFormatError, and
 * ImageError InvalidArgument for documents that are nested too deeply.
 */
export async function planTransfer(
  target: Descriptor,
  read: ReadDocument,
  isWanted: (child: Descriptor) => boolean = () => true,
): Promise<TransferPlan> {
  const blobs = new Map<Digest, PlannedBlob>();
  const documents = new Map<Digest, PlannedDocument>();

  const addBlobs = (parent: Digest, descriptors: readonly Descriptor[]): void => {
    for (const descriptor of descriptors) {
      if (blobs.has(descriptor.digest) || isForeignLayerType(descriptor.mediaType)) continue;
      blobs.set(descriptor.digest, { descriptor, parent });
    }
  };
  const follow = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const { digest, mediaType } = descriptor;
    if (documents.has(digest)) return;
    if (depth > maxIndexDepth)
      throw new ImageError("InvalidArgument", `more than ${maxIndexDepth} nested indexes`);
    const bytes = await read(descriptor);
    if (bytes !== undefined && isIndexType(mediaType)) {
      const { manifests } = parseIndex(bytes, mediaType);
      for (const child of manifests.filter(isWanted)) {
        if (isIndexType(child.mediaType) || isManifestType(child.mediaType)) await follow(child, depth + 1);
        else addBlobs(digest, [child]);
      }
    } else if (bytes !== undefined) {
      const { config, layers } = parseManifest(bytes, mediaType);
      addBlobs(digest, [config, ...layers]);
    }
    documents.set(digest, { descriptor, bytes });
  };

  await follow(target, 0);
  return { blobs: [...blobs.values()], documents: [...documents.values()] };
}
