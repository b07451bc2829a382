import type { DockerImage } from "../../parts/dockerapi/index.ts";
import { formatReference, parseDigest, parseReference } from "../../parts/oci/index.ts";
import type { Image } from "../../services/images/index.ts";

/** Docker's image in the words of CRI. Its documents stay with Docker: what is not told of them is empty. */
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

/** All names that an image has, in full. */
export function namesOf({
  RepoTags,
  RepoDigests,
}: Pick<DockerImage, "RepoTags" | "RepoDigests">): Pick<Image, "repoTags" | "repoDigests"> {
  const inFull = (names: readonly string[] | null) =>
    (names ?? []).filter((name) => !name.includes("<none>")).map(full);
  const [tags, digests] = [inFull(RepoTags), inFull(RepoDigests)];
  // Engines that keep images as containerd does name one among its tags by the digest that it was pulled by.
  const isDigest = (name: string) => name.includes("@");
  return {
    repoTags: tags.filter((name) => !isDigest(name)),
    repoDigests: [...new Set([...digests, ...tags.filter(isDigest)])],
  };
}

/** Docker leaves "docker.io/library/" out. */
function full(name: string): string {
  return formatReference(parseReference(name));
}
