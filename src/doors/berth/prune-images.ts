import type { Engine, PruneImagesRequest } from "../../engines/engine/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";

/** PruneImages. */
export async function pruneImages(
  engine: Pick<Engine, "pruneImages">,
  request: berthV1.PruneImagesRequest,
): Promise<berthV1.PruneImagesResponse> {
  const { images, reclaimedBytes } = await engine.pruneImages(toRequest(request));
  return berthV1.PruneImagesResponse.fromPartial({
    images: images.map(({ id, names }) => ({ untagged: [...names], removed: id })),
    reclaimedBytes: BigInt(reclaimedBytes),
  });
}

function toRequest({
  all,
  namedBefore,
  labels,
  withoutLabels,
}: berthV1.PruneImagesRequest): PruneImagesRequest {
  return {
    which: all ? "all" : "dangling",
    labels,
    withoutLabels,
    ...(namedBefore === 0n ? {} : { namedBeforeNs: namedBefore }),
  };
}
