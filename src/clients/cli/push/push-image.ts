import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import type { TransferProgress, TransferReporter } from "../pull/transfer-reporter.ts";

const states: Readonly<Partial<Record<berthV1.BlobState, Pick<TransferProgress, "state" | "word">>>> = {
  [berthV1.BlobState.BLOB_STATE_EXISTS]: { state: "spared", word: "already there" },
  [berthV1.BlobState.BLOB_STATE_MOUNTED]: { state: "spared", word: "mounted from another repository" },
  [berthV1.BlobState.BLOB_STATE_DONE]: { state: "done", word: "done" },
};

/** Pushes an image with berthd and returns its reference and digest in the registry. */
export async function pushImage(
  client: Client,
  request: berthV1.PushImageRequest,
  reporter: TransferReporter,
): Promise<berthV1.PushDone> {
  const { pushImage: method } = berthV1.BerthService;
  for await (const { resolved, blob, done } of client.serverStream(method, request)) {
    if (resolved !== undefined) reporter.resolved(resolved.blobs);
    if (blob !== undefined) reporter.progress(toProgress(blob));
    if (done !== undefined) return done;
  }
  throw new CliError("Internal", `pushing ${request.image}: the daemon ended the stream without a result`);
}

function toProgress({ digest, state, sentBytes, totalBytes }: berthV1.BlobProgress): TransferProgress {
  const known = states[state] ?? { state: "moving", word: "" };
  return { digest, movedBytes: sentBytes, totalBytes, ...known };
}
