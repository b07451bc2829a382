import { Semaphore } from "../../../ground/sync/index.ts";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  isIndexType,
  isManifestType,
  type Platform,
  parseIndex,
  parseManifest,
} from "../../../parts/oci/index.ts";
import { ImageError } from "../image-error.ts";
import type { ReadSmall } from "../select-manifest.ts";

const maxDepth = 4;
const documentsAtOnce = 8;

/** Which parts of a target are wanted. */
export type Wanted = {
  /** Platforms of an index's images; empty for all. Images without a platform are always wanted. */
  readonly platforms: readonly Platform[];
  /** Whether manifests and configs of the other images are wanted, too. */
  readonly allMetadata: boolean;
  /** At most so many of the manifests of each index, in the order of `platforms`; 0 for all. */
  readonly limit?: number;
};

/** A manifest or index. */
export type TreeDocument = {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  /** Everything that it refers to, in order: an index's images, or a manifest's config and layers. */
  readonly references: readonly Descriptor[];
  /** The wanted ones among these. */
  readonly children: readonly Descriptor[];
};

/** The wanted parts of a target. */
export type Tree = {
  /** Each after those that it refers to: the target comes last. */
  readonly documents: readonly TreeDocument[];
  /** Configs, layers and files of artifacts, once each. */
  readonly blobs: readonly Descriptor[];
};

/**
 * Follows a target to its wanted parts. Throws OciFormatError, ImageError InvalidArgument for documents that
 * are nested too deeply, and the errors of `read`.
 */
export async function followTree(
  target: Descriptor,
  read: ReadSmall,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Tree> {
  const documents = new Map<Digest, TreeDocument>();
  const blobs = new Map<Digest, Descriptor>();
  const slots = new Semaphore(documentsAtOnce);

  const readOne = async (descriptor: Descriptor): Promise<Uint8Array> => {
    using _slot = await slots.acquire(signal);
    return await read(descriptor);
  };
  const follow = async (descriptor: Descriptor, whole: boolean, depth: number): Promise<void> => {
    const { digest, mediaType } = descriptor;
    if (depth > maxDepth) throw new ImageError("InvalidArgument", `more than ${maxDepth} nested indexes`);
    if (isIndexType(mediaType)) {
      const bytes = await readOne(descriptor);
      const references = parseIndex(bytes, mediaType).manifests;
      const children = limited(
        references.filter((child) => wanted.allMetadata || isWanted(child, wanted)),
        wanted,
      );
      await Promise.all(children.map((child) => follow(child, whole && isWanted(child, wanted), depth + 1)));
      documents.set(digest, { descriptor, bytes, references, children });
    } else if (isManifestType(mediaType)) {
      const bytes = await readOne(descriptor);
      const { config, layers } = parseManifest(bytes, mediaType);
      for (const blob of whole ? [config, ...layers] : [config]) blobs.set(blob.digest, blob);
      const references = [config, ...layers];
      documents.set(digest, { descriptor, bytes, references, children: references });
    } else blobs.set(digest, descriptor);
  };

  await follow(target, true, 0);
  return { documents: [...documents.values()], blobs: [...blobs.values()] };
}

/** As containerd's LimitManifests: those of platforms that are wanted come first, those without one last. */
function limited(children: readonly Descriptor[], { platforms, limit = 0 }: Wanted): readonly Descriptor[] {
  if (limit === 0 || children.length <= limit) return children;
  const order = platforms.map(formatPlatform);
  const rank = ({ platform }: Descriptor): number => {
    if (platform === undefined) return order.length + 1;
    const place = order.indexOf(formatPlatform(platform));
    return place === -1 ? order.length : place;
  };
  return children.toSorted((one, other) => rank(one) - rank(other)).slice(0, limit);
}

function isWanted({ platform }: Descriptor, { platforms }: Wanted): boolean {
  if (platforms.length === 0 || platform === undefined) return true;
  const wanted = formatPlatform(platform);
  return platforms.some((each) => formatPlatform(each) === wanted);
}
