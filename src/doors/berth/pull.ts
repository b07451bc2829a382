import { berthV1 } from "../../ground/protocol/index.ts";
import type { ImageCatalog, PullProgress } from "../../services/images/index.ts";
import { toCredentials } from "./credentials.ts";
import { platformOf } from "./platform.ts";
import { ProgressMessages } from "./progress-messages.ts";

const layerStates = {
  downloading: berthV1.LayerState.LAYER_STATE_DOWNLOADING,
  exists: berthV1.LayerState.LAYER_STATE_EXISTS,
  done: berthV1.LayerState.LAYER_STATE_DONE,
} as const;

/** PullImage. */
export function pullImage(
  images: Pick<ImageCatalog, "pullAny">,
  request: berthV1.PullImageRequest,
  signal: AbortSignal,
): AsyncGenerator<berthV1.PullImageResponse> {
  const messages = new ProgressMessages<berthV1.PullImageResponse>();
  const { reference } = request;
  const credentials = toCredentials(request.credentials);
  const pull = images.pullAny(
    {
      reference,
      onProgress: (step) => messages.report(step.kind === "layer" ? step.digest : "", toMessage(step)),
      ...(credentials === undefined ? {} : { credentials }),
      ...platformOf(request, "pull"),
    },
    signal,
  );
  return messages.until(pull, ({ id }) => berthV1.PullImageResponse.fromPartial({ done: { imageRef: id } }));
}

function toMessage(progress: PullProgress): berthV1.PullImageResponse {
  if (progress.kind === "resolved") {
    const layers = progress.layers.map(({ digest, size }) => ({ digest, size: BigInt(size) }));
    return berthV1.PullImageResponse.fromPartial({ resolved: { layers } });
  }
  const { digest, state, receivedBytes, totalBytes } = progress;
  const layer = {
    digest,
    state: layerStates[state],
    receivedBytes: BigInt(receivedBytes),
    totalBytes: BigInt(totalBytes),
  };
  return berthV1.PullImageResponse.fromPartial({ layer });
}
