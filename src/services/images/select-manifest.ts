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

/** Reads the verified bytes of a small blob. */
export type ReadSmall = (descriptor: Descriptor) => Promise<Uint8Array>;

export type Document = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

/** The manifest that was selected for a platform. */
export type SelectedManifest = {
  readonly manifest: Manifest;
  readonly document: Document;
  /** The indexes that led to it, outermost first, each with the chosen entry and its position. */
  readonly indexes: readonly (Document & { readonly chosen: Descriptor; readonly position: number })[];
};

/**
 * Follows a target to the manifest for `platform`. A manifest outside of an index is accepted whatever its
 * platform is. The platform of an index entry that names none is read from its config. Throws ImageError
 * NotFound, with a list of what the index offers, if there is none.
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
  // The platform unknown/unknown marks attestations.
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
