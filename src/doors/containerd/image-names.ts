import { isDigest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNames } from "../../services/imagenames/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import { ContainerdError } from "./errors.ts";
import type { ServiceOptions } from "./options.ts";

type Named = Pick<NamespaceStorage, "name" | "imageNames">;
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
export async function imageNamed(wanted: string, storage: Named, options: Options): Promise<ImageName> {
  const [first] = await namesOfId(wanted, storage, options);
  return first === undefined ? existingImage(storage.imageNames, wanted) : { ...first, name: wanted };
}

/** The names of an image by its id, where ids stand for names; none for what is no id of an image. */
export async function namesOfId(
  id: string,
  { name, imageNames }: Named,
  { criNamespace, transfers }: Options,
): Promise<readonly ImageName[]> {
  if (name !== criNamespace || !isDigest(id) || imageNames.get(id) !== undefined) return [];
  return (await transfers(name)).namesOf(id);
}

/** Images whose ids filters mention, as names. */
export async function mentionedIds(
  filters: readonly string[],
  storage: Named,
  options: Options,
): Promise<readonly ImageName[]> {
  if (storage.name !== options.criNamespace || filters.length === 0) return [];
  const mentioned = (await options.transfers(storage.name))
    .ids()
    .filter((id) => filters.some((filter) => filter.includes(id)));
  const named = mentioned.map(async (id) =>
    (await namesOfId(id, storage, options)).slice(0, 1).map((first) => ({ ...first, name: id })),
  );
  return (await Promise.all(named)).flat();
}

/** Throws NotFound. */
export function existingImage(imageNames: ImageNames, name: string): ImageName {
  const image = imageNames.get(name);
  if (image === undefined) throw new ContainerdError("NotFound", `image ${JSON.stringify(name)}: not found`);
  return image;
}
