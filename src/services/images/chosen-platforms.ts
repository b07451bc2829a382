import type { Descriptor, Digest, Platform } from "../../parts/oci/index.ts";
import { type ReadSmall, selectManifest } from "./select-manifest.ts";

/** Which images of an index: that of one platform, those of several, or the index with everything in it. */
export type PlatformChoice = Platform | readonly Platform[] | "all";

export type Chosen = {
  /** The manifest of one platform, or the unchanged index. */
  readonly target: Descriptor;
  /** Whether a part of the index is included; absent if all are. */
  readonly isWanted?: (child: Descriptor) => boolean;
};

/** Selects what to push or save of a target. Throws ImageError NotFound if it has no image for a platform. */
export async function choosePlatforms(
  named: Descriptor,
  platform: PlatformChoice,
  read: ReadSmall,
): Promise<Chosen> {
  if (platform === "all") return { target: named };
  if (!isList(platform)) return { target: (await selectManifest(named, read, platform)).document.descriptor };
  const wanted = new Set<Digest>();
  for (const each of platform) {
    const { document, indexes } = await selectManifest(named, read, each);
    for (const { descriptor } of [document, ...indexes]) wanted.add(descriptor.digest);
  }
  return { target: named, isWanted: ({ digest }) => wanted.has(digest) };
}

export function isList(platform: PlatformChoice): platform is readonly Platform[] {
  return Array.isArray(platform);
}
