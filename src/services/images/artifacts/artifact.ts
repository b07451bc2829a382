import { type Descriptor, isImageConfigType, type Manifest } from "../../../parts/oci/index.ts";

/** What distinguishes an artifact from an image: it has files, from which no container can be created. */
export type ArtifactFacts = {
  /** Its `artifactType`, or else the media type of its config. */
  readonly type: string;
  readonly config: Descriptor;
};

/** in-toto statements: the content of the attestations that BuildKit puts beside images. */
export const statementType = "application/vnd.in-toto+json";

/** Media types of statements about images, in manifests with an image's config. */
const statementTypes: ReadonlySet<string> = new Set([
  statementType,
  // cosign's signatures and attestations that have a tag.
  "application/vnd.dev.cosign.simplesigning.v1+json",
  "application/vnd.dsse.envelope.v1+json",
]);

/**
 * Whether a manifest is not that of an image: because of its config (image-spec 1.1, "Guidelines for Artifact
 * Usage"), or because it holds only attestations or signatures, which have the config of an image. `oras push
 * --artifact-platform` writes an image's config too, with nothing but a platform.
 */
export function isArtifact({ config, layers, artifactType }: Manifest): boolean {
  if (!isImageConfigType(config.mediaType)) return true;
  if (layers.length === 0) return false;
  if (artifactType !== undefined && config.size < leastConfigBytes(layers.length)) return true;
  return layers.every(({ mediaType }) => statementTypes.has(mediaType));
}

/** What an image's config takes at the least: it has a digest of each layer. */
function leastConfigBytes(layers: number): number {
  const digests = Array.from({ length: layers }, () => `sha256:${"0".repeat(64)}`);
  return JSON.stringify({ rootfs: { diff_ids: digests } }).length;
}

export function artifactFacts({ config, artifactType, layers }: Manifest): ArtifactFacts {
  const [first] = layers;
  const isStatement = isImageConfigType(config.mediaType) && first !== undefined;
  return { type: artifactType ?? (isStatement ? first.mediaType : config.mediaType), config };
}
