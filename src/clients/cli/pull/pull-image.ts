import { hasCode } from "../../../ground/errors/index.ts";
import {
  AuthConfig,
  berthV1,
  ImageServiceService,
  PullImageRequest,
} from "../../../ground/protocol/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import type { Client } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import { authConfig, credentialsMessage } from "./credentials.ts";
import type { TransferProgress, TransferReporter } from "./transfer-reporter.ts";

/**
 * Pulls and returns the image's id. berthd tells how far it is; another runtime is asked by CRI's PullImage,
 * which is silent until the end.
 */
export async function pullImage(
  client: Client,
  reference: string,
  reporter: TransferReporter,
  credentials?: Credentials,
): Promise<string> {
  try {
    return await pullWithProgress(client, reference, reporter, credentials);
  } catch (error) {
    if (!hasCode(error, "Unimplemented")) throw error;
    return await pullSilently(client, reference, credentials);
  }
}

async function pullWithProgress(
  client: Client,
  reference: string,
  reporter: TransferReporter,
  credentials: Credentials | undefined,
): Promise<string> {
  const request = berthV1.PullImageRequest.fromPartial({
    reference,
    ...(credentials === undefined ? {} : { credentials: credentialsMessage(credentials) }),
  });
  for await (const { resolved, layer, done } of client.serverStream(
    berthV1.BerthService.pullImage,
    request,
  )) {
    if (resolved !== undefined) reporter.resolved(resolved.layers);
    if (layer !== undefined) reporter.progress(toProgress(layer));
    if (done !== undefined) return done.imageRef;
  }
  throw new CliError("Internal", `pulling ${reference}: the daemon ended the stream without a result`);
}

const states: Readonly<Partial<Record<berthV1.LayerState, Pick<TransferProgress, "state" | "word">>>> = {
  [berthV1.LayerState.LAYER_STATE_EXISTS]: { state: "spared", word: "already here" },
  [berthV1.LayerState.LAYER_STATE_DONE]: { state: "done", word: "done" },
};

function toProgress({ digest, state, receivedBytes, totalBytes }: berthV1.LayerProgress): TransferProgress {
  const known = states[state] ?? { state: "moving", word: "" };
  return { digest, movedBytes: receivedBytes, totalBytes, ...known };
}

async function pullSilently(
  client: Client,
  reference: string,
  credentials: Credentials | undefined,
): Promise<string> {
  const request = PullImageRequest.fromPartial({
    image: { image: reference },
    ...(credentials === undefined ? {} : { auth: AuthConfig.fromPartial(authConfig(credentials)) }),
  });
  const { imageRef } = await client.unary(ImageServiceService.pullImage, request, {
    timeoutMs: Number.POSITIVE_INFINITY,
  });
  return imageRef;
}
