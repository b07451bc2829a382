import type { DockerImage } from "../../parts/dockerapi/index.ts";
import { formatReference, parseDigest, parseReference } from "../../parts/oci/index.ts";
import type { Image } from "../../services/images/index.ts";

/**
 * Translates Docker's image. Docker does not hand out its documents (manifest and config), so fields that its
 * API lacks are empty.
 */
export function toImage(
  details: DockerImage,
  isPinned: (image: Pick<Image, "repoTags" | "repoDigests">) => boolean,
): Image {
  const id = parseDigest(details.Id);
  const { repoTags, repoDigests } = namesOf(details);
  const { Config: config, RootFS } = details;
  return {
    id,
    repoTags,
    repoDigests,
    sizeBytes: details.Size,
    config: {
      ...(details.Created !== undefined && { created: details.Created }),
      platform: {
        os: details.Os,
        architecture: details.Architecture,
        ...(details.Variant ? { variant: details.Variant } : {}),
      },
      config: {
        user: config.User ?? "",
        exposedPorts: Object.keys(config.ExposedPorts ?? {}),
        env: config.Env ?? [],
        entrypoint: config.Entrypoint ?? [],
        cmd: config.Cmd ?? [],
        volumes: Object.keys(config.Volumes ?? {}),
        workingDir: config.WorkingDir ?? "",
        labels: config.Labels ?? {},
        stopSignal: config.StopSignal ?? "",
      },
      diffIds: (RootFS.Layers ?? []).map(parseDigest),
    },
    manifest: { mediaType: "application/vnd.docker.distribution.manifest.v2+json", digest: id, size: 0 },
    layers: [],
    chainId: undefined,
    pinned: isPinned({ repoTags, repoDigests }),
    checkpoint: false,
  };
}

/** All names of an image, with the registry spelled out. */
export function namesOf({
  RepoTags,
  RepoDigests,
}: Pick<DockerImage, "RepoTags" | "RepoDigests">): Pick<Image, "repoTags" | "repoDigests"> {
  const inFull = (names: readonly string[] | null) =>
    (names ?? []).filter((name) => !name.includes("<none>")).map(full);
  const [tags, digests] = [inFull(RepoTags), inFull(RepoDigests)];
  // Engines with containerd's image store list, among an image's tags, the digest by which it was pulled.
  const isDigest = (name: string) => name.includes("@");
  return {
    repoTags: tags.filter((name) => !isDigest(name)),
    repoDigests: [...new Set([...digests, ...tags.filter(isDigest)])],
  };
}

/** Docker omits "docker.io/library/". */
function full(name: string): string {
  return formatReference(parseReference(name));
}
