import { hasCode } from "../../../ground/errors/index.ts";
import {
  AuthConfig,
  berthV1,
  ImageServiceService,
  PullImageRequest,
} from "../../../ground/protocol/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import type { Client } from "../../criclient/index.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { CliError } from "../errors.ts";
import { authConfig, credentialsMessage } from "./credentials.ts";
import type { TransferProgress, TransferReporter } from "./transfer-reporter.ts";

export type WantedImage = {
  readonly reference: string;
  readonly credentials?: Credentials | undefined;
  /** `linux/arm64`; "" or absent for that of berthd's machine. */
  readonly platform?: string;
  readonly allPlatforms?: boolean;
};

/**
 * Pulls an image and returns its id. berthd reports the progress. Other runtimes are asked with CRI's
 * PullImage, which is silent until the end and knows no platforms.
 */
export async function pullImage(
  client: Client,
  wanted: WantedImage,
  reporter: TransferReporter,
): Promise<string> {
  const { reference, credentials, platform = "", allPlatforms = false } = wanted;
  try {
    return await pullWithProgress(client, wanted, reporter);
  } catch (error) {
    if (!hasCode(error, "Unimplemented")) throw error;
    if (platform !== "" || allPlatforms) throw needsBerthd("pull for other platforms", error);
    return await pullSilently(client, reference, credentials);
  }
}

async function pullWithProgress(
  client: Client,
  { reference, credentials, platform = "", allPlatforms = false }: WantedImage,
  reporter: TransferReporter,
): Promise<string> {
  const request = berthV1.PullImageRequest.fromPartial({
    reference,
    platform,
    allPlatforms,
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
