import type { Engine, Image as EngineImage } from "../../engines/engine/index.ts";
import { nowNs } from "../../ground/clock/index.ts";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import { type FilesystemUsage, Image, type ImageFilter } from "../../ground/protocol/index.ts";
import { CriError } from "./errors.ts";
import { type CriCall, checked, type ImageHandlers } from "./handlers.ts";
import { imagesOfOthers } from "./owners.ts";
import { toCredentials } from "./translate/credentials.ts";
import { imageInfo, toImage } from "./translate/image.ts";
import { infoJson } from "./translate/info.ts";
import { inParts } from "./translate/parts.ts";
import * as validate from "./validate/index.ts";

type Images = Engine["images"];
type Usage = Awaited<ReturnType<Images["fsInfo"]>>["images"];

/**
 * ImageService without security profiles: ListImages, StreamImages, ImageStatus, PullImage, RemoveImage,
 * ImageFsInfo.
 */
export function imageHandlers(engine: Engine): ImageHandlers {
  const { images } = engine;
  return {
    listImages: checked(validate.listImages, ({ filter }, call) => ({
      images: select(engine, filter, call),
    })),

    async *streamImages(request, call) {
      const { filter } = validate.listImages(request);
      for (const part of inParts(select(engine, filter, call), (item) => Image.encode(item).finish().length))
        yield { images: part };
    },

    imageStatus: (request, call) => {
      const { image: spec } = validate.image(request);
      const image = images.find(spec.image);
      if (image === undefined) return { image: undefined, info: {} };
      return {
        image: toShown(engine, call)(image),
        info: request.verbose ? { info: infoJson(imageInfo(image)) } : {},
      };
    },

    pullImage: checked(validate.pullImage, async ({ image: spec, auth }, { signal }) => {
      const credentials = toCredentials(auth);
      const request = { reference: spec.image, ...(credentials === undefined ? {} : { credentials }) };
      const image = await images.pull(request, signal).catch(rethrowForKubelet);
      return { imageRef: image.id };
    }),

    removeImage: checked(validate.image, async ({ image: spec }) => {
      await engine.removeImage(spec.image);
      return {};
    }),

    imageFsInfo: async () => {
      const usage = await images.fsInfo();
      return {
        imageFilesystems: [toFilesystemUsage(usage.images)],
        containerFilesystems: [toFilesystemUsage(usage.containers)],
      };
    },
  };
}

/**
 * Kubelets recognize an unavailable registry, and an image rejected by a policy, by the message's first word.
 * They see the bare message only with the code UNKNOWN: with others, the code comes first.
 */
function rethrowForKubelet(error: unknown): never {
  const message = messageOf(error);
  const isUnavailable = hasCode(error, "Unavailable") && message.startsWith("RegistryUnavailable");
  const isRefused =
    (hasCode(error, "PermissionDenied") || hasCode(error, "FailedPrecondition")) &&
    message.startsWith("SignatureValidationFailed");
  if (isUnavailable || isRefused) throw new CriError("Unknown", message);
  throw error;
}

/** All images, or the one that the filter names. */
function select(engine: Engine, filter: ImageFilter | undefined, call: CriCall): Image[] {
  const wanted = filter?.image?.image ?? "";
  if (wanted === "") return engine.images.list().map(toShown(engine, call));
  const image = engine.images.find(wanted);
  return image === undefined ? [] : [toShown(engine, call)(image)];
}

/**
 * Images of containers that the client does not see are shown as pinned: a kubelet would take them for
 * unused, but does not remove pinned ones.
 */
function toShown(engine: Engine, call: CriCall): (image: EngineImage) => Image {
  const used = imagesOfOthers(engine, call);
  return (image) => {
    const shown = toImage(image);
    return { ...shown, pinned: shown.pinned || used.has(image.id) };
  };
}

function toFilesystemUsage({ mountpoint, usedBytes, inodesUsed }: Usage): FilesystemUsage {
  return {
    timestamp: nowNs(),
    fsId: { mountpoint },
    usedBytes: { value: BigInt(usedBytes) },
    inodesUsed: { value: BigInt(inodesUsed) },
  };
}
