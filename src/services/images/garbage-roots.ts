import type { Database } from "../../ground/metadata/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { GarbageNode } from "../gc/index.ts";
import type { ImageNames } from "../imagenames/index.ts";
import { chainIdOf } from "../snapshots/index.ts";
import { artifactKey } from "./artifacts/artifact-volumes.ts";
import { type ResolvedImage, ResolvedImages } from "./resolved-images.ts";

/**
 * What images need besides what the targets of their names reach by labels, as of the moment the returned
 * function is called: the documents and layers of one that another client has brought, and snapshots of the
 * snapshotter that images are unpacked with.
 */
export async function garbageRoots(
  database: Database,
  names: ImageNames,
  snapshotter: string,
): Promise<() => readonly GarbageNode[]> {
  const resolved = await ResolvedImages.open(database, names.namespace);
  return () =>
    names.list().flatMap(({ target }) => {
      const image = resolved.get(target.digest);
      return image === undefined ? [] : rootsOf(image, snapshotter);
    });
}

function rootsOf(image: ResolvedImage, snapshotter: string): readonly GarbageNode[] {
  const { id, manifest, layers, config, artifact } = image;
  const blobs = [manifest.digest, artifact?.config.digest ?? id, ...layers.map(({ digest }) => digest)];
  const keys = artifact === undefined ? chainIds(config.diffIds) : [artifactKey(image)];
  return [
    ...blobs.map((digest): GarbageNode => ({ kind: "content", digest })),
    // Each layer of them, so that those below stay while an image is unpacked anew and the topmost is still
    // to come.
    ...keys.map((key): GarbageNode => ({ kind: "snapshot", snapshotter, key })),
  ];
}

function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  let parent: Digest | undefined;
  return diffIds.map((diffId) => {
    parent = chainIdOf(parent, diffId);
    return parent;
  });
}
