import { berthV1 } from "../../ground/protocol/index.ts";
import type { ImageCatalog, SavedImage, SaveRequest } from "../../services/images/index.ts";
import { BerthServiceError } from "./errors.ts";
import { platformOf } from "./platform.ts";

const formats: Readonly<Partial<Record<berthV1.ArchiveFormat, SaveRequest["format"]>>> = {
  [berthV1.ArchiveFormat.ARCHIVE_FORMAT_UNSPECIFIED]: "oci",
  [berthV1.ArchiveFormat.ARCHIVE_FORMAT_OCI_ARCHIVE]: "oci",
  [berthV1.ArchiveFormat.ARCHIVE_FORMAT_DOCKER_ARCHIVE]: "docker",
};

/** SaveImages. */
export async function* saveImages(
  images: Pick<ImageCatalog, "save">,
  request: berthV1.SaveImagesRequest,
  signal: AbortSignal,
): AsyncGenerator<berthV1.SaveImagesResponse> {
  await using archive = await images.save(toRequest(request), signal);
  yield { archive: { images: archive.images.map(toSavedImage) }, chunk: undefined };
  for await (const bytes of archive.bytes) {
    if (bytes.length > 0)
      yield { archive: undefined, chunk: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) };
  }
}

function toRequest(request: berthV1.SaveImagesRequest): SaveRequest {
  const format = formats[request.format];
  if (format === undefined) throw new BerthServiceError(`save: unknown archive format ${request.format}`);
  const platform = platformOf(request, "save");
  if (format === "docker" && platform.platform === "all")
    throw new BerthServiceError("save: docker's archives hold one platform of an image");
  return { images: request.images, format, ...platform };
}

function toSavedImage({ image, name = "", digest }: SavedImage): berthV1.SavedImage {
  return { image, name, digest };
}
