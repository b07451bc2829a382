import { type Descriptor, isImageConfigType, type Manifest } from "../../../parts/oci/index.ts";

/** What an image is known by that is an artifact: files that no container is made of. */
export type ArtifactFacts = {
  /** What it calls itself: its `artifactType`, else the media type of its config. */
  readonly type: string;
  readonly config: Descriptor;
};

/** in-toto statements, of which the attestations consist that BuildKit puts beside images. */
export const statementType = "application/vnd.in-toto+json";

/** What is said of images, in manifests that have the config of an image. */
const statementTypes: ReadonlySet<string> = new Set([
  statementType,
  // cosign's signatures and attestations under tags.
  "application/vnd.dev.cosign.simplesigning.v1+json",
  "application/vnd.dsse.envelope.v1+json",
]);

/**
 * Whether a manifest is that of something else than an image: by its config (image-spec 1.1, "Guidelines for
 * Artifact Usage"), or because it holds nothing but attestations or signatures, whose config is that of an
 * image.
 */
export function isArtifact({ config, layers }: Manifest): boolean {
  if (!isImageConfigType(config.mediaType)) return true;
  return layers.length > 0 && layers.every(({ mediaType }) => statementTypes.has(mediaType));
}

export function artifactFacts({ config, artifactType, layers }: Manifest): ArtifactFacts {
  const [first] = layers;
  const isStatement = isImageConfigType(config.mediaType) && first !== undefined;
  return { type: artifactType ?? (isStatement ? first.mediaType : config.mediaType), config };
}
