import { hasCode } from "../../../ground/errors/index.ts";
import type { Descriptor, Digest } from "../../../parts/oci/index.ts";
import { maxSmallBytes } from "../../../parts/registry/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { ImageNames } from "../../imagenames/index.ts";
import type { Snapshotter } from "../../snapshots/index.ts";
import { artifactKey } from "../artifacts/artifact-volumes.ts";
import { unpackedBytes, withChainIds } from "../image-details.ts";
import type { ResolvedImages } from "../resolved-images.ts";
import { planTransfer } from "../transfer-plan.ts";
import type { ImageUsage, SharedBytes } from "./overview.ts";

export type UsageParts = {
  readonly imageNames: ImageNames;
  readonly resolved: ResolvedImages;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
};

/** The parts of an image with their sizes. */
type Parts = {
  readonly id: Digest;
  readonly names: string[];
  readonly blobs: Map<string, number>;
  readonly layers: Map<string, number>;
};

/** Disk usage of all images, computed from records without walking files. */
export async function imageUsages(parts: UsageParts): Promise<readonly ImageUsage[]> {
  const images = new Map<Digest, Parts>();
  for (const { name, target } of parts.imageNames.list()) {
    const id = parts.resolved.get(target.digest)?.id ?? target.digest;
    const image: Parts = images.get(id) ?? { id, names: [], blobs: new Map(), layers: new Map() };
    images.set(id, image);
    image.names.push(name);
    await addParts(image, target, parts);
  }
  const all = [...images.values()];
  const blobUsers = countUsers(all.map(({ blobs }) => blobs));
  const layerUsers = countUsers(all.map(({ layers }) => layers));
  return all.map(({ id, names, blobs, layers }) => ({
    id,
    names,
    content: split(blobs, blobUsers),
    unpacked: split(layers, layerUsers),
  }));
}

async function addParts(
  { blobs, layers }: Parts,
  target: Descriptor,
  { content, resolved, snapshotter }: UsageParts,
): Promise<void> {
  const image = resolved.get(target.digest);
  const reached = await reachedFrom(target, content);
  for (const { digest } of [...reached, ...(image?.layers ?? [])]) {
    if (content.has(digest)) blobs.set(digest, content.info(digest).sizeBytes);
  }
  if (image === undefined) return;
  const keys = image.artifact === undefined ? withChainIds(image) : [{ chainId: artifactKey(image) }];
  for (const { chainId } of keys) {
    const bytes = await unpackedBytes(snapshotter, chainId);
    if (bytes !== undefined) layers.set(chainId, bytes);
  }
}

/** Everything that a target refers to, as far as its documents are here and readable. */
async function reachedFrom(target: Descriptor, content: ContentStore): Promise<readonly Descriptor[]> {
  const read = async ({ digest }: Descriptor): Promise<Uint8Array | undefined> =>
    content.has(digest) ? await content.read(digest, maxSmallBytes) : undefined;
  try {
    const { documents, blobs } = await planTransfer(target, read);
    return [...documents, ...blobs].map(({ descriptor }) => descriptor);
  } catch (error) {
    if (hasCode(error, "NotFound") || hasCode(error, "DataLoss") || hasCode(error, "InvalidArgument"))
      return [target];
    throw error;
  }
}

function countUsers(images: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const users = new Map<string, number>();
  for (const key of images.flatMap((parts) => [...parts.keys()])) users.set(key, (users.get(key) ?? 0) + 1);
  return users;
}

function split(parts: ReadonlyMap<string, number>, users: ReadonlyMap<string, number>): SharedBytes {
  let [own, shared] = [0, 0];
  for (const [key, bytes] of parts) {
    if ((users.get(key) ?? 0) > 1) shared += bytes;
    else own += bytes;
  }
  return { own, shared };
}
