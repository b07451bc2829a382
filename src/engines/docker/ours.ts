import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { nameIn } from "./names-and-labels.ts";
import { orNotFound } from "./requests.ts";

/** A Docker container whose labels say that berth created it. */
export type Claim = {
  /** The one that the labels say it was created with; undefined if they say none. */
  readonly name: string | undefined;
  /** Those that it has now, with a slash before each. */
  readonly names: readonly string[];
  readonly imageId: string;
};

/**
 * Whether berth created it. It did if the name is the one in the labels. If not, somebody has renamed it,
 * unless the labels are those of its image, which Docker copies (`docker commit` writes a container's labels
 * into an image), or it is a copy of the container that has the name.
 */
export async function isOurs(
  client: Pick<DockerClient, "container" | "image">,
  { name, names, imageId }: Claim,
): Promise<boolean> {
  if (name === undefined) return false;
  if (names.includes(`/${name}`)) return true;
  const image = await orNotFound(client.image(imageId));
  // Without the image it is unknown where the labels come from.
  if (image === undefined || nameIn(image.Config.Labels) === name) return false;
  const named = await orNotFound(client.container(name));
  return nameIn(named?.Config.Labels) !== name;
}
