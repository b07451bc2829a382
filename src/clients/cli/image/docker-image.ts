import { isRecord } from "../../../ground/json/index.ts";
import { formatTime } from "../output/units.ts";
import type { InspectedImage } from "./inspected-image.ts";

/** An image in the form of `docker image inspect`, which people's scripts read. */
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
  };
}

/** Builders leave their comment at the last step. */
function lastComment(history: unknown): string {
  const last: unknown = Array.isArray(history) ? history.at(-1) : undefined;
  return isRecord(last) ? (text(last.comment) ?? "") : "";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
