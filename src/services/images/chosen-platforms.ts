import type { Descriptor, Digest, Platform } from "../../parts/oci/index.ts";
import { type ReadSmall, selectManifest } from "./select-manifest.ts";

/** Which images of an index: one, some, or the index with all that it names. */
export type PlatformChoice = Platform | readonly Platform[] | "all";

export type Chosen = {
  /** The image of one platform by itself; else the index as it is. */
  readonly target: Descriptor;
  /** Whether a part of the index goes along; left out where all do. */
  readonly isWanted?: (child: Descriptor) => boolean;
};

/** What is handed on of a target. Throws ImageError NotFound where there is none for a platform. */
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
