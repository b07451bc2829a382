import {
  type Descriptor,
  formatPlatform,
  isImageConfigType,
  isIndexType,
  isManifestType,
  type Manifest,
  matchPlatform,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseManifest,
  runsOn,
} from "../../parts/oci/index.ts";
import { ImageError } from "./image-error.ts";

const maxIndexDepth = 4;

/** Bytes of something small that a descriptor names, verified. */
export type ReadSmall = (descriptor: Descriptor) => Promise<Uint8Array>;

export type Document = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

/** What an image comes to on this host. */
export type SelectedManifest = {
  readonly manifest: Manifest;
  readonly document: Document;
  /** The indexes that led to it, outermost first, each with the entry that was chosen and its place. */
  readonly indexes: readonly (Document & { readonly chosen: Descriptor; readonly position: number })[];
};

/**
 * Follows a target to the manifest for `platform`. A manifest that is not part of an index is taken as it is.
 * An entry of an index without a platform counts as what its config says. Throws ImageError NotFound when
 * there is none, with what the index offers.
 */
export async function selectManifest(
  target: Descriptor,
  read: ReadSmall,
  platform: Platform,
): Promise<SelectedManifest> {
  const found = await select(target, read, platform, []);
  if (found !== undefined) return found;
  const index = parseIndex(await read(target), target.mediaType);
  const offered = index.manifests.flatMap((entry) =>
    entry.platform === undefined ? [] : [formatPlatform(entry.platform)],
  );
  // unknown/unknown: an attestation of an image.
  const list =
    [...new Set(offered)].filter((platform) => platform !== "unknown/unknown").join(", ") || "none";
  throw new ImageError(
    "NotFound",
    `image has no manifest for ${formatPlatform(platform)}; it is available for ${list}`,
  );
}

async function select(
  descriptor: Descriptor,
  read: ReadSmall,
  platform: Platform,
  indexes: SelectedManifest["indexes"],
): Promise<SelectedManifest | undefined> {
  if (isManifestType(descriptor.mediaType)) return await selected(descriptor, read, platform, indexes);
  if (!isIndexType(descriptor.mediaType)) {
    throw new ImageError(
      "Unimplemented",
      `${descriptor.digest} is not an image: its media type is ${JSON.stringify(descriptor.mediaType)}`,
    );
  }
  if (indexes.length >= maxIndexDepth) {
    throw new ImageError("InvalidArgument", `more than ${maxIndexDepth} indexes are nested`);
  }
  const bytes = await read(descriptor);
  const { manifests } = parseIndex(bytes, descriptor.mediaType);
  for (const chosen of matchPlatform(manifests, platform)) {
    if (!isManifestType(chosen.mediaType) && !isIndexType(chosen.mediaType)) continue;
    const step = { descriptor, bytes, chosen, position: manifests.indexOf(chosen) };
    const found = await select(chosen, read, platform, [...indexes, step]);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function selected(
  descriptor: Descriptor,
  read: ReadSmall,
  platform: Platform,
  indexes: SelectedManifest["indexes"],
): Promise<SelectedManifest | undefined> {
  const bytes = await read(descriptor);
  const manifest = parseManifest(bytes, descriptor.mediaType);
  if (indexes.length > 0 && descriptor.platform === undefined) {
    if (!isImageConfigType(manifest.config.mediaType)) return undefined;
    const config = parseImageConfig(await read(manifest.config));
    if (!runsOn(config.platform, platform)) return undefined;
  }
  return { manifest, document: { descriptor, bytes }, indexes };
}
