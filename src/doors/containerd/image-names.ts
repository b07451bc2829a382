import { isDigest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNames } from "../../services/imagenames/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import { ContainerdError } from "./errors.ts";
import type { ServiceOptions } from "./options.ts";

type Options = Pick<ServiceOptions, "criNamespace" | "transfers">;

/** containerd's label of the images that its CRI knows: all of that namespace, whoever brought them. */
const managed = { "io.cri-containerd.image": "managed" };

/** As containerd's clients see it in its namespace. */
export function asSeen(
  image: ImageName,
  { name }: Pick<NamespaceStorage, "name">,
  { criNamespace }: Options,
): ImageName {
  return name === criNamespace ? { ...image, labels: { ...managed, ...image.labels } } : image;
}

/**
 * By name. In the namespace of CRI an id, which programs have from a ContainerStatus, stands for one of its
 * image's names; in containerd it is a name of its own. Throws NotFound.
 */
export async function imageNamed(
  wanted: string,
  { name, imageNames }: Pick<NamespaceStorage, "name" | "imageNames">,
  { criNamespace, transfers }: Options,
): Promise<ImageName> {
  const isId = name === criNamespace && isDigest(wanted) && imageNames.get(wanted) === undefined;
  return isId
    ? { ...(await transfers(name)).named(wanted), name: wanted }
    : existingImage(imageNames, wanted);
}

/** Throws NotFound. */
export function existingImage(imageNames: ImageNames, name: string): ImageName {
  const image = imageNames.get(name);
  if (image === undefined) throw new ContainerdError("NotFound", `image ${JSON.stringify(name)}: not found`);
  return image;
}
