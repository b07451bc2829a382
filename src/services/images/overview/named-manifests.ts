import { hasCode } from "../../../ground/errors/index.ts";
import {
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  type Manifest,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "../../../parts/oci/index.ts";
import { maxSmallBytes } from "../../../parts/registry/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { ImageName, ImageNames } from "../../imagenames/index.ts";
import { artifactFacts, isArtifact, statementType } from "../artifacts/artifact.ts";
import type { NamedManifest } from "./overview.ts";

export type OverviewParts = { readonly imageNames: ImageNames; readonly content: ContentStore };

const maxIndexDepth = 4;

/**
 * All manifests in the content store that names lead to: of images for all platforms, of artifacts, and of
 * attestations. Unreadable ones are left out, as everywhere else.
 */
export async function namedManifests({
  imageNames,
  content,
}: OverviewParts): Promise<readonly NamedManifest[]> {
  const found = await Promise.all(
    imageNames.list().map(async (name) => {
      const manifests = await manifestsIn(name.target, content, 0);
      return await Promise.all(manifests.map((entry) => describe(name, entry, content)));
    }),
  );
  return found.flat();
}

/** A manifest, and the descriptor with which an index or a name refers to it. */
type Entry = { readonly descriptor: Descriptor; readonly manifest: Manifest };

async function manifestsIn(
  descriptor: Descriptor,
  content: ContentStore,
  depth: number,
): Promise<readonly Entry[]> {
  const { digest, mediaType } = descriptor;
  const isIndex = isIndexType(mediaType);
  if (depth > maxIndexDepth || (!isIndex && !isManifestType(mediaType)) || !content.has(digest)) return [];
  const read = async (): Promise<readonly Entry[]> => {
    const bytes = await content.read(digest, maxSmallBytes);
    if (!isIndex) return [{ descriptor, manifest: parseManifest(bytes, mediaType) }];
    const { manifests } = parseIndex(bytes, mediaType);
    return (await Promise.all(manifests.map((child) => manifestsIn(child, content, depth + 1)))).flat();
  };
  return (await readable(read)) ?? [];
}

async function describe(
  { name }: ImageName,
  { descriptor, manifest }: Entry,
  content: ContentStore,
): Promise<NamedManifest> {
  const { config, layers } = manifest;
  const blobs = [descriptor, config, ...layers].map(({ digest }) => digest);
  const present = blobs.filter((digest) => content.has(digest));
  const kind = kindOf(descriptor, manifest);
  const platform = kind === "image" ? await platformOf(config.digest, content) : descriptor.platform;
  return {
    name,
    manifest: descriptor,
    id: isArtifact(manifest) ? descriptor.digest : config.digest,
    kind,
    type: kind === "image" ? undefined : artifactFacts(manifest).type,
    platform: kind === "attestation" ? undefined : platform,
    presentBytes: present.reduce((sum, digest) => sum + content.info(digest).sizeBytes, 0),
    isWhole: present.length === blobs.length,
  };
}

/** BuildKit puts attestations into an image's index with the platform unknown/unknown. */
function kindOf({ platform }: Descriptor, manifest: Manifest): NamedManifest["kind"] {
  const isStatement = manifest.layers.some(({ mediaType }) => mediaType === statementType);
  if (isStatement || platform?.os === "unknown") return "attestation";
  return isArtifact(manifest) ? "artifact" : "image";
}

async function platformOf(config: Digest, content: ContentStore): Promise<Platform | undefined> {
  const bytes = await readable(() => content.read(config, maxSmallBytes));
  return bytes === undefined ? undefined : await readable(async () => parseImageConfig(bytes).platform);
}

/** Undefined for content that is missing or damaged, which a list leaves out. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (hasCode(error, "NotFound") || hasCode(error, "DataLoss") || hasCode(error, "InvalidArgument"))
      return undefined;
    throw error;
  }
}
