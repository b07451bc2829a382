import { berthV1 } from "../../ground/protocol/index.ts";
import type { ImageCatalog, PushProgress } from "../../services/images/index.ts";
import { toCredentials } from "./credentials.ts";
import { platformOf } from "./platform.ts";
import { ProgressMessages } from "./progress-messages.ts";

const blobStates = {
  uploading: berthV1.BlobState.BLOB_STATE_UPLOADING,
  exists: berthV1.BlobState.BLOB_STATE_EXISTS,
  mounted: berthV1.BlobState.BLOB_STATE_MOUNTED,
  done: berthV1.BlobState.BLOB_STATE_DONE,
} as const;

/** PushImage. */
export function pushImage(
  images: Pick<ImageCatalog, "push">,
  request: berthV1.PushImageRequest,
  signal: AbortSignal,
): AsyncGenerator<berthV1.PushImageResponse> {
  const messages = new ProgressMessages<berthV1.PushImageResponse>();
  const credentials = toCredentials(request.credentials);
  const { image, destination } = request;
  const push = images.push(
    {
      image,
      onProgress: (step) => messages.report(step.kind === "blob" ? step.digest : "", toMessage(step)),
      ...(destination === "" ? {} : { destination }),
      ...(credentials === undefined ? {} : { credentials }),
      ...platformOf(request, "push"),
    },
    signal,
  );
  return messages.until(push, (done) => berthV1.PushImageResponse.fromPartial({ done }));
}

function toMessage(progress: PushProgress): berthV1.PushImageResponse {
  if (progress.kind === "resolved") {
    const blobs = progress.blobs.map(({ digest, size }) => ({ digest, size: BigInt(size) }));
    return berthV1.PushImageResponse.fromPartial({ resolved: { blobs } });
  }
  const { digest, state, sentBytes, totalBytes } = progress;
  const blob = {
    digest,
    state: blobStates[state],
    sentBytes: BigInt(sentBytes),
    totalBytes: BigInt(totalBytes),
  };
  return berthV1.PushImageResponse.fromPartial({ blob });
}
