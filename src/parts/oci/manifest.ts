import { OciFormatError, parseDigest } from "./digest.ts";
import type { Descriptor, Index, Manifest, Platform } from "./image.ts";
import { JsonNode } from "./json.ts";
import { isIndexType, isManifestType } from "./media-types.ts";

/**
 * Parses an image manifest, OCI (image-spec 1.1, manifest.md) or Docker schema 2. `type` is the media type
 * under which the bytes were served; a `mediaType` within must be one of the two as well. Throws
 * {@link OciFormatError}.
 */
export function parseManifest(bytes: Uint8Array, type: string): Manifest {
  if (!isManifestType(type))
    throw new OciFormatError(`${JSON.stringify(type)} is not the media type of an image manifest`);
  const root = JsonNode.parse(bytes, "manifest");
  checkEnvelope(root, isManifestType, type);
  // A document that is both manifest and index means different images to different readers (CVE-2021-41190).
  if (!root.at("manifests").absent)
    root.at("manifests").fail("nothing, as a manifest has no list of manifests");
  const artifactType = root.at("artifactType");
  return {
    schemaVersion: 2,
    mediaType: type,
    ...(artifactType.absent || artifactType.string() === "" ? {} : { artifactType: artifactType.string() }),
    config: parseDescriptor(root.at("config")),
    layers: root.at("layers").list().map(parseDescriptor),
    ...annotationsOf(root),
  };
}

/**
 * Parses an OCI index (image-spec 1.1, image-index.md) or Docker manifest list. Like {@link parseManifest}
 * otherwise.
 */
export function parseIndex(bytes: Uint8Array, type: string): Index {
  if (!isIndexType(type))
    throw new OciFormatError(`${JSON.stringify(type)} is not the media type of an image index`);
  const root = JsonNode.parse(bytes, "index");
  checkEnvelope(root, isIndexType, type);
  for (const key of ["config", "layers"]) {
    if (!root.at(key).absent) root.at(key).fail("nothing, as an index has no config and no layers");
  }
  return {
    schemaVersion: 2,
    mediaType: type,
    manifests: root.at("manifests").list().map(parseDescriptor),
    ...annotationsOf(root),
  };
}

/** What a document says of another one in its repository (image-spec 1.1, `subject`). */
export type Referrer = {
  readonly subject: Descriptor;
  /** Of the document itself, or what it is by its config's media type. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

/**
 * What a manifest or index refers to with `subject`; undefined for one without. Throws
 * {@link OciFormatError}.
 */
export function parseReferrer(bytes: Uint8Array): Referrer | undefined {
  const root = JsonNode.parse(bytes, "document");
  if (root.at("subject").absent) return undefined;
  const artifactType = root.at("artifactType");
  const config = root.at("config");
  const type = artifactType.absent
    ? config.absent
      ? undefined
      : config.at("mediaType").string()
    : artifactType.string();
  return {
    subject: parseDescriptor(root.at("subject")),
    ...(type === undefined ? {} : { artifactType: type }),
    ...annotationsOf(root),
  };
}

/** OCI's and Docker's documents have the same shape, and some registries serve the one as the other. */
function checkEnvelope(root: JsonNode, isKind: (type: string) => boolean, type: string): void {
  const version = root.at("schemaVersion").integer();
  if (version === 1) {
    throw new OciFormatError(
      `${root.path}: Docker's manifest schema 1 is not supported; push the image again with a current tool`,
    );
  }
  if (version !== 2) root.at("schemaVersion").fail("2");
  const written = root.at("mediaType");
  if (!written.absent && !isKind(written.string())) written.fail(JSON.stringify(type));
}

/**
 * Parses a descriptor (image-spec 1.1, descriptor.md); unknown keys are ignored as the specification asks.
 */
function parseDescriptor(node: JsonNode): Descriptor {
  const urls = node.at("urls");
  const platform = node.at("platform");
  const artifactType = node.at("artifactType");
  return {
    mediaType: node.at("mediaType").string(),
    digest: parseDigest(node.at("digest").string()),
    size: node.at("size").size(),
    ...(urls.absent ? {} : { urls: urls.list().map((url) => url.string()) }),
    ...(platform.absent ? {} : { platform: parsePlatform(platform) }),
    ...(artifactType.absent ? {} : { artifactType: artifactType.string() }),
    ...annotationsOf(node),
  };
}

function parsePlatform(node: JsonNode): Platform {
  const variant = node.at("variant");
  const version = node.at("os.version");
  return {
    os: node.at("os").string(),
    architecture: node.at("architecture").string(),
    ...(variant.absent || variant.string() === "" ? {} : { variant: variant.string() }),
    ...(version.absent ? {} : { "os.version": version.string() }),
    ...osFeaturesOf(node),
  };
}

/** The `os.features` of a descriptor's platform, or of an image's config. */
export function osFeaturesOf(node: JsonNode): Pick<Platform, "os.features"> {
  const features = node.at("os.features").list();
  return features.length === 0 ? {} : { "os.features": features.map((feature) => feature.string()) };
}

function annotationsOf(node: JsonNode): { annotations?: Readonly<Record<string, string>> } {
  const annotations = node.at("annotations");
  return annotations.absent ? {} : { annotations: annotations.strings() };
}
