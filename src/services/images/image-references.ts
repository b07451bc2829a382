import type { Database } from "../../ground/metadata/index.ts";
import type { Descriptor, Digest } from "../../parts/oci/index.ts";
import type { GarbageNode } from "../gc/index.ts";
import { chainIdOf, type Snapshotter } from "../snapshots/index.ts";
import { artifactKey } from "./artifacts/artifact-volumes.ts";
import { type ResolvedImage, ResolvedImages } from "./resolved-images.ts";

/**
 * Returns a function that tells garbage collection what images need in addition to what labels reach from
 * their targets, as of the moment of this call: documents and layers of images that other clients brought,
 * and snapshots of the snapshotter that unpacks images. Layers are needed only until they are unpacked,
 * unless `keepLayers`.
 */
export async function imageReferences(
  database: Database,
  namespace: string,
  snapshotter: Pick<Snapshotter, "name" | "stat">,
  keepLayers: boolean,
): Promise<(target: Descriptor) => readonly GarbageNode[]> {
  const resolved = await ResolvedImages.open(database, namespace);
  return ({ digest }) => {
    const image = resolved.get(digest);
    return image === undefined ? [] : referencesOf(image, snapshotter, keepLayers);
  };
}

/** The same for one image. */
export function referencesOf(
  image: Omit<ResolvedImage, "chainId" | "checkpoint"> & { readonly chainId: Digest | null | undefined },
  snapshotter: Pick<Snapshotter, "name" | "stat">,
  keepLayers: boolean,
): readonly GarbageNode[] {
  const { id, manifest, layers, config, chainId, artifact } = image;
  const isUnpacked = chainId != null && snapshotter.stat(chainId)?.kind === "committed";
  const documents = [manifest.digest, artifact?.config.digest ?? id];
  // Layers that did not come from a registry are kept by the labels of the documents.
  const blobs = keepLayers || !isUnpacked ? [...documents, ...layers.map(({ digest }) => digest)] : documents;
  const keys = artifact === undefined ? chainIds(config.diffIds) : [artifactKey(image)];
  return [
    ...blobs.map((digest): GarbageNode => ({ kind: "content", digest })),
    // All layers, so that the lower ones stay while an image is unpacked again and its topmost layer is still
    // missing.
    ...keys.map((key): GarbageNode => ({ kind: "snapshot", snapshotter: snapshotter.name, key })),
  ];
}

function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  let parent: Digest | undefined;
  return diffIds.map((diffId) => {
    parent = chainIdOf(parent, diffId);
    return parent;
  });
}
