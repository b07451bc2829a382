import type { Digest } from "../../parts/oci/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { ImageName } from "../imagenames/index.ts";
import { chainIdOf, type Snapshotter } from "../snapshots/index.ts";
import { ImageError } from "./image-error.ts";
import type { Image, ImageDetails } from "./images.ts";

/** Reads the details of an image. Throws ImageError NotFound if the image's content was removed. */
export async function imageDetails(
  image: Image,
  names: readonly ImageName[],
  { content, snapshotter }: { readonly content: ContentStore; readonly snapshotter: Snapshotter },
): Promise<ImageDetails> {
  const read = async (digest: Digest): Promise<Uint8Array> => {
    if (content.has(digest)) return await content.read(digest, maxSmallBytes);
    throw new ImageError(
      "NotFound",
      `image ${image.id} is incomplete: ${digest} was removed from content; pull it again`,
    );
  };
  const targets = new Map(names.map(({ target }) => [target.digest, target]));
  return {
    image,
    targets: [...targets.values()],
    manifestBytes: await read(image.manifest.digest),
    configBytes: await read(image.artifact?.config.digest ?? image.id),
    layers: await Promise.all(
      withChainIds(image).map(async ({ digest, diffId, chainId }) => ({
        digest,
        diffId,
        unpackedBytes: await unpackedBytes(snapshotter, chainId),
      })),
    ),
    namedAtNs: lastNamedAtNs(names),
  };
}

export function lastNamedAtNs(names: readonly ImageName[]): bigint {
  return names.map(({ updatedAtNs }) => updatedAtNs).reduce(later, 0n);
}

export function later(one: bigint, other: bigint): bigint {
  if (one < other) return other;
  return one;
}

/**
 * The disk usage in the record of a layer's snapshot, without walking its files; undefined without a
 * snapshot.
 */
export async function unpackedBytes(snapshotter: Snapshotter, chainId: string): Promise<number | undefined> {
  if (snapshotter.stat(chainId)?.kind !== "committed") return undefined;
  return (await snapshotter.usage(chainId)).sizeBytes;
}

/** The layers of an image, bottom first, with the keys of their snapshots. */
export function withChainIds({ layers, config }: Pick<Image, "layers" | "config">): readonly {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly chainId: Digest;
}[] {
  let parent: Digest | undefined;
  return layers.flatMap(({ digest }, position) => {
    const diffId = config.diffIds[position];
    if (diffId === undefined) return [];
    const chainId = chainIdOf(parent, diffId);
    parent = chainId;
    return [{ digest, diffId, chainId }];
  });
}
