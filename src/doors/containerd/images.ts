import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import { type Descriptor, parseDigest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNameUpdate } from "../../services/imagenames/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { given, labelUpdate } from "./field-mask.ts";
import { asSeen, existingImage, imageNamed, mentionedIds, namesOfId } from "./image-names.ts";
import { addToLease } from "./lease-resources.ts";
import { fromTimestamp, toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";

/**
 * From this time on, the image is collected if nothing else holds it, such as the lease of the call that
 * creates it.
 */
const expireLabel = "containerd.io/gc.expire";

type ImageHandlers = Handlers<typeof containerd.imagesV1.ImagesService, ContainerdCall>;
type Image = containerd.imagesV1.Image;

/**
 * The service Images. What containerd calls an image is a name with a target, whose content may be missing.
 */
export function imageHandlers(options: ServiceOptions): ImageHandlers {
  return {
    async get({ name }, { namespace }) {
      const storage = await namespace();
      const found = await imageNamed(name, storage, options);
      return { image: toMessage(asSeen(found, storage, options)) };
    },

    async list({ filters }, { namespace }) {
      const matches = parseFilters(filters);
      const storage = await namespace();
      const matching = (names: readonly ImageName[]) =>
        names
          .map((image) => asSeen(image, storage, options))
          .filter((image) => matches((path) => fieldOf(image, path)));
      const found = matching(storage.imageNames.list());
      const shown = found.length > 0 ? found : matching(await mentionedIds(filters, storage, options));
      return { images: shown.map(toMessage) };
    },

    async create({ image, sourceDateEpoch }, { namespace, leaseId }) {
      const storage = await namespace();
      const { imageNames } = storage;
      const { name, labels, target } = named(image);
      if (labels[expireLabel] !== undefined) await addToLease(storage, leaseId, { kind: "image", name });
      const created = await imageNames.create({
        name,
        labels,
        target: toDescriptor(target),
        atNs: sourceDateEpoch && fromTimestamp(sourceDateEpoch),
      });
      return { image: toMessage(asSeen(created, storage, options)) };
    },

    async update({ image, updateMask = [], sourceDateEpoch }, { namespace, leaseId }) {
      const storage = await namespace();
      const asked = named(image);
      if (asked.labels[expireLabel] !== undefined)
        await addToLease(storage, leaseId, { kind: "image", name: asked.name });
      const atNs = sourceDateEpoch && fromTimestamp(sourceDateEpoch);
      const updated = await storage.imageNames.update(asked.name, (before) => ({
        ...updateOf(before, asked, updateMask),
        atNs,
      }));
      // The name may have had another target, which is garbage now.
      storage.garbage.collectSoon();
      return { image: toMessage(asSeen(updated, storage, options)) };
    },

    async delete({ name, sync, target }, { namespace }) {
      const storage = await namespace();
      const digest = target === undefined || target.digest === "" ? undefined : parseDigest(target.digest);
      // In containerd an id is a name of its own, beside which the image's other names stay.
      const [ofId] = await namesOfId(name, storage, options);
      const isDeleted =
        ofId === undefined
          ? (await storage.imageNames.delete([name], digest)).length > 0
          : digest === undefined || digest === ofId.target.digest;
      if (!isDeleted) {
        if (ofId === undefined) existingImage(storage.imageNames, name);
        throw new ContainerdError(
          "NotFound",
          `image ${JSON.stringify(name)} with target ${digest ?? ""} not found`,
        );
      }
      if (sync) await storage.garbage.collectNow();
      else storage.garbage.collectSoon();
      return {};
    },
  };
}

function named(image: Image | undefined): Image {
  if (image === undefined || image.name === "")
    throw new ContainerdError("InvalidArgument", "Image.Name required");
  return image;
}

/**
 * A mask names `labels`, `labels.NAME`, `target`, `annotations` or `annotations.NAME`; without one, all of
 * these are replaced.
 */
function updateOf(before: ImageName, asked: Image, paths: readonly string[]): ImageNameUpdate {
  const ofTarget = paths.filter((path) => /^(?:target$|annotations(?:$|\.))/.test(path));
  const ofLabels = paths.filter((path) => !ofTarget.includes(path));
  const all = paths.length === 0;
  return {
    ...(all || ofLabels.length > 0 ? labelUpdate(ofLabels, asked.labels) : {}),
    ...(all || ofTarget.length > 0 ? { target: targetOf(before.target, asked, ofTarget) } : {}),
  };
}

function targetOf(before: Descriptor, { target }: Image, paths: readonly string[]): Descriptor {
  if (paths.length === 0 || paths.includes("target")) return toDescriptor(target);
  const wanted = target?.annotations ?? {};
  const whole = paths.includes("annotations");
  const names = paths
    .filter((path) => path !== "annotations")
    .map((path) => path.slice("annotations.".length));
  const changed = names.map((name) => [name, given(wanted, name)] as const);
  const annotations = { ...(whole ? wanted : before.annotations), ...Object.fromEntries(changed) };
  return { ...before, annotations };
}

function toDescriptor(target: containerd.types.Descriptor | undefined): Descriptor {
  const { mediaType, digest, size, annotations } = target ?? containerd.types.Descriptor.fromPartial({});
  const parsed = parseDigest(digest);
  if (size <= 0n)
    throw new ContainerdError("InvalidArgument", `target.size: ${size} is not greater than zero`);
  if (mediaType === "") throw new ContainerdError("InvalidArgument", "target.media_type: must be set");
  return {
    mediaType,
    digest: parsed,
    size: Number(size),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

function toMessage({ name, target, labels, createdAtNs, updatedAtNs }: ImageName): Image {
  const { mediaType, digest, size, annotations = {} } = target;
  return {
    name,
    labels: { ...labels },
    target: { mediaType, digest, size: BigInt(size), annotations: { ...annotations } },
    createdAt: toTimestamp(createdAtNs),
    updatedAt: toTimestamp(updatedAtNs),
  };
}

function fieldOf(
  { name, target, labels }: ImageName,
  [field, ...rest]: readonly string[],
): string | undefined {
  switch (field) {
    case "name":
      return name;
    case "target":
      return rest[0] === "digest" ? target.digest : rest[0] === "mediatype" ? target.mediaType : undefined;
    case "labels":
      return fieldOfLabels(labels, rest);
    case "annotations":
      return fieldOfLabels(target.annotations ?? {}, rest);
    default:
      return undefined;
  }
}
