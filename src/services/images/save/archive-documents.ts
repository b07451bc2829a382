import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  mediaType,
  parseReference,
} from "../../../parts/oci/index.ts";

/** An image of an archive. */
export type ArchiveImage = {
  readonly target: Descriptor;
  readonly name: string | undefined;
  /**
   * The parts of the image for docker; undefined for an artifact, and for an index without an image for this
   * machine.
   */
  readonly docker: { readonly config: Descriptor; readonly layers: readonly Descriptor[] } | undefined;
};

/** `oci-layout` (OCI image-spec 1.1, image-layout.md). */
export const layoutMarker: Uint8Array = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** The path of a blob in a layout; docker's manifest.json refers to it, too. */
export function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/**
 * `index.json`, with names in the annotations that containerd and docker read, and the tag in that of the
 * specification.
 */
export function layoutIndex(images: readonly ArchiveImage[]): Uint8Array {
  const manifests = images.map(({ target, name }) => {
    const { mediaType: type, digest, size, platform, artifactType } = target;
    const annotations = name === undefined ? undefined : annotationsOf(name);
    return { mediaType: type, digest, size, platform, artifactType, annotations };
  });
  return json({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests });
}

function annotationsOf(name: string): Readonly<Record<string, string>> {
  const { tag } = parseReference(name);
  return {
    "io.containerd.image.name": name,
    ...(tag === undefined || name.includes("@") ? {} : { "org.opencontainers.image.ref.name": tag }),
  };
}

/**
 * `manifest.json` as `docker save` writes it, with an entry for each image; undefined if docker could load
 * none.
 */
export function dockerManifest(images: readonly ArchiveImage[]): Uint8Array | undefined {
  const entries = new Map<Digest, { Config: string; RepoTags: string[]; Layers: readonly string[] }>();
  for (const { docker, name } of images) {
    if (docker === undefined) continue;
    const { config, layers } = docker;
    const entry = entries.get(config.digest) ?? {
      Config: blobName(config.digest),
      RepoTags: [],
      Layers: layers.map(({ digest }) => blobName(digest)),
    };
    if (name !== undefined && !name.includes("@") && !entry.RepoTags.includes(name))
      entry.RepoTags.push(name);
    entries.set(config.digest, entry);
  }
  return entries.size === 0 ? undefined : json([...entries.values()]);
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
