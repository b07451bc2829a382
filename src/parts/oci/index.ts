/**
 * Data types of the OCI image specification and their parsers: digests, references, descriptors, manifests,
 * configs. Plain data; no files, no network.
 */
export { withSpecifiedKeys } from "./config-keys.ts";
export {
  type Digest,
  type DigestAlgorithm,
  Digester,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  OciFormatError,
  parseDigest,
} from "./digest.ts";
export type { Descriptor, ImageConfig, Index, Manifest, Platform } from "./image.ts";
export { parseImageConfig } from "./image-config.ts";
export { JsonNode } from "./json.ts";
export { parseIndex, parseManifest, parseReferrer, type Referrer } from "./manifest.ts";
export {
  isErofsLayerType,
  isForeignLayerType,
  isImageConfigType,
  isIndexType,
  isLayerType,
  isManifestType,
  mediaType,
} from "./media-types.ts";
export { formatPlatform, matchPlatform, parsePlatform, runsOn } from "./platform.ts";
export { formatReference, parseReference, type Reference, repositoryName } from "./reference.ts";
