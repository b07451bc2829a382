import { isRecord } from "../../../ground/json/index.ts";
import { formatTime } from "../output/units.ts";
import type { InspectedImage } from "./inspected-image.ts";

/** An image in the format of `docker image inspect`, which users' scripts read. */
export function dockerImage({ answer, config }: InspectedImage): object {
  const { created, author, comment, architecture, variant, os } = config;
  const [target = answer.manifest] = answer.targets;
  return {
    Id: answer.id,
    RepoTags: answer.repoTags,
    RepoDigests: answer.repoDigests,
    Comment: text(comment) ?? lastComment(config.history),
    Created: text(created) ?? "",
    Author: text(author) ?? "",
    Architecture: text(architecture) ?? "",
    ...(text(variant) === undefined ? {} : { Variant: text(variant) }),
    Os: text(os) ?? "",
    Size: Number(answer.size),
    Config: config.config ?? {},
    RootFS: { Type: "layers", Layers: answer.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: formatTime(answer.namedAt) },
    ...(target === undefined
      ? {}
      : {
          Descriptor: { mediaType: target.mediaType, digest: target.digest, size: Number(target.size) },
        }),
    Pinned: answer.pinned,
    ...artifactOf(answer),
  };
}

/** What docker's format lacks: an artifact's type, and its files with their titles. */
function artifactOf({ id, manifest, manifestDocument }: InspectedImage["answer"]): object {
  if (manifest === undefined || id !== manifest.digest) return {};
  const document: unknown = JSON.parse(manifestDocument.toString("utf8"));
  if (!isRecord(document)) return {};
  const { artifactType, config, layers } = document;
  const type = text(artifactType) ?? (isRecord(config) ? text(config.mediaType) : undefined);
  const files = Array.isArray(layers) ? layers.filter(isRecord).map(fileOf) : [];
  return { Artifact: { Type: type ?? "", Files: files } };
}

function fileOf({ mediaType, digest, size, annotations }: Readonly<Record<string, unknown>>): object {
  const title = isRecord(annotations) ? text(annotations["org.opencontainers.image.title"]) : undefined;
  return { ...(title === undefined ? {} : { Title: title }), mediaType, digest, size };
}

/** Builders put their comment into the last step. */
function lastComment(history: unknown): string {
  const last: unknown = Array.isArray(history) ? history.at(-1) : undefined;
  return isRecord(last) ? (text(last.comment) ?? "") : "";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
