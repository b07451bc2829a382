import { OciFormatError } from "./digest.ts";
import type { Descriptor, Platform } from "./image.ts";

/**
 * The manifests of an index that can run on `host`, best first. A platform also runs what its predecessors
 * run: amd64/v3 runs v2, plain amd64 and 386; arm64 runs arm/v8 down to v5. An entry without a platform might
 * be anything: it comes last, and the caller has to look at the image's config. One that needs features of
 * the host (`os.features`) runs only where all are there, and comes before one that needs fewer. This is the
 * order that containerd prefers.
 */
export function matchPlatform(manifests: readonly Descriptor[], host: Platform): readonly Descriptor[] {
  const runnable = runnablePlatforms(host).map(platformKey);
  const ranked = manifests.flatMap((descriptor, position) => {
    const { platform } = descriptor;
    const rank = platform === undefined ? runnable.length : rankOf(platform, runnable, host);
    const features = platform?.["os.features"]?.length ?? 0;
    return rank === -1 ? [] : [{ descriptor, rank, features, position }];
  });
  ranked.sort((a, b) => a.rank - b.rank || b.features - a.features || a.position - b.position);
  return ranked.map(({ descriptor }) => descriptor);
}

/** True if an image for `platform` runs on `host`. */
export function runsOn(platform: Platform, host: Platform): boolean {
  return rankOf(platform, runnablePlatforms(host).map(platformKey), host) !== -1;
}

function rankOf(platform: Platform, runnable: readonly string[], host: Platform): number {
  const { "os.features": needed = [] } = platform;
  const { "os.features": available = [] } = host;
  if (!needed.every((feature) => available.includes(feature))) return -1;
  return runnable.indexOf(platformKey(normalise(platform)));
}

/**
 * `linux/arm64/v8`; the variant is left out where it is the usual one. Features are written as containerd
 * does, `linux(+erofs)/amd64`.
 */
export function formatPlatform(platform: Platform): string {
  const features = [...(platform["os.features"] ?? [])].sort();
  const key = platformKey(normalise(platform));
  return features.length === 0 ? key : key.replace("/", `(+${features.join("+")})/`);
}

/** Reads what {@link formatPlatform} writes: `linux/amd64`, `linux/arm/v7`. Throws {@link OciFormatError}. */
export function parsePlatform(text: string): Platform {
  const [, os, features = "", architecture, variant] =
    /^([a-z0-9]+)(?:\(\+([a-z0-9_.+-]+)\))?\/([a-z0-9_-]+)(?:\/([a-z0-9.]+))?$/i.exec(text) ?? [];
  if (os === undefined || architecture === undefined)
    throw new OciFormatError(
      `invalid platform ${JSON.stringify(text)}: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64`,
    );
  return {
    ...normalise({ os, architecture, ...(variant === undefined ? {} : { variant }) }),
    ...(features === "" ? {} : { "os.features": features.split("+") }),
  };
}

function platformKey({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

function runnablePlatforms(host: Platform): readonly Platform[] {
  const { os, architecture, variant } = normalise(host);
  const older = (name: string, from: number, to: number): Platform[] =>
    Array.from({ length: Math.max(0, from - to + 1) }, (_, step) =>
      normalise({ os, architecture: name, variant: `v${from - step}` }),
    );
  switch (architecture) {
    case "amd64":
      return [...older("amd64", level(variant, 1), 1), { os, architecture: "386" }];
    case "arm64":
      return [...older("arm64", level(variant, 8), 8), ...older("arm", 8, 5)];
    case "arm":
      return older("arm", level(variant, 7), 5);
    default:
      return [{ os, architecture, ...(variant === undefined ? {} : { variant }) }];
  }
}

function level(variant: string | undefined, usual: number): number {
  return Number(/^v(\d+)/.exec(variant ?? "")?.[1] ?? usual);
}

/** The names that tools have used for the same thing. */
const architectures: Readonly<Record<string, Partial<Platform>>> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  i386: { architecture: "386" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
};

/** amd64/v1, arm64/v8 and arm/v7 are what is meant when no variant is written. */
function normalise(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const written = platform.architecture.toLowerCase();
  const architecture = architectures[written]?.architecture ?? written;
  const variant = (platform.variant ?? architectures[written]?.variant)
    ?.toLowerCase()
    .replace(/^(?=\d)/, "v");
  switch (architecture) {
    case "amd64":
      return { os, architecture, ...(variant === undefined || variant === "v1" ? {} : { variant }) };
    case "arm64":
      return {
        os,
        architecture,
        ...(variant === undefined || variant === "v8" || variant === "v8.0" ? {} : { variant }),
      };
    case "arm":
      return { os, architecture, variant: variant ?? "v7" };
    default:
      return { os, architecture, ...(variant === undefined ? {} : { variant }) };
  }
}
