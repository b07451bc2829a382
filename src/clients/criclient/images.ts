import {
  type Image,
  ImageServiceService,
  ImageStatusRequest,
  ListImagesRequest,
} from "../../ground/protocol/index.ts";
import type { Client } from "./client.ts";
import { CriClientError } from "./cri-client-error.ts";
import { resolveOne } from "./resolve.ts";

export type FoundImage = { readonly image: Image; readonly info: Readonly<Record<string, string>> };

/**
 * By reference, as the endpoint interprets it, or by a unique prefix of its id. Throws CriClientError
 * NotFound, FailedPrecondition.
 */
export async function findImage(client: Client, text: string): Promise<FoundImage> {
  return (await imageStatus(client, text)) ?? (await findImageById(client, text));
}

/** The image with exactly this reference or id, according to the endpoint. */
export async function imageStatus(client: Client, text: string): Promise<FoundImage | undefined> {
  const request = ImageStatusRequest.fromPartial({ image: { image: text }, verbose: true });
  const { image, info } = await client.unary(ImageServiceService.imageStatus, request);
  return image === undefined ? undefined : { image, info };
}

async function findImageById(client: Client, text: string): Promise<FoundImage> {
  const { images } = await client.unary(ImageServiceService.listImages, ListImagesRequest.fromPartial({}));
  const candidates = images.map((image) => ({
    id: image.id,
    names: image.repoTags,
    title: image.repoTags[0] ?? image.repoDigests[0] ?? "",
    value: image,
  }));
  const found = resolveOne(text, candidates, "image");
  const status = await imageStatus(client, found.id);
  if (status === undefined) throw new CriClientError("NotFound", `image ${found.id} was removed meanwhile`);
  return status;
}
