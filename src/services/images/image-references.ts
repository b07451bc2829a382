import type { Database } from "../../ground/metadata/index.ts";
import type { Descriptor, Digest } from "../../parts/oci/index.ts";
import type { GarbageNode } from "../gc/index.ts";
import { chainIdOf, type Snapshotter } from "../snapshots/index.ts";
import { artifactKey } from "./artifacts/artifact-volumes.ts";
import { type ResolvedImage, ResolvedImages } from "./resolved-images.ts";

/**
 * What an image of a namespace needs besides what its target reaches by labels, as of the moment the returned
 * function is called: the documents and layers of one that another client has brought, and snapshots of the
 * snapshotter that images are unpacked with. Unless `keepLayers`, layers only until they are unpacked.
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
  // The documents' own labels keep layers that came from elsewhere than a registry.
  const blobs = keepLayers || !isUnpacked ? [...documents, ...layers.map(({ digest }) => digest)] : documents;
  const keys = artifact === undefined ? chainIds(config.diffIds) : [artifactKey(image)];
  return [
    ...blobs.map((digest): GarbageNode => ({ kind: "content", digest })),
    // Each layer of them, so that those below stay while an image is unpacked anew and the topmost is still
    // to come.
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
