import { type Container, EngineError, type Image } from "../engine/index.ts";
import { isOwned } from "./ownership.ts";

type ImageUser = Pick<Container, "id" | "config" | "imageId"> & {
  readonly imageVolumes?: readonly { readonly imageId: string }[];
};

/** The containers created from the image. */
function usersOf(image: Image, containers: readonly ImageUser[]): readonly ImageUser[] {
  return containers.filter(({ imageId }) => imageId === image.id);
}

/** Whether a container was created from the image, or mounts it as a volume. */
export function isUsed(image: Image, containers: readonly ImageUser[]): boolean {
  return containers.some(
    ({ imageId, imageVolumes = [] }) =>
      imageId === image.id || imageVolumes.some((volume) => volume.imageId === image.id),
  );
}

/**
 * Throws EngineError FailedPrecondition if a container that kubelets do not see, and so cannot take into
 * account, was created from the image.
 */
export function refuseIfOwned(image: Image, containers: readonly ImageUser[]): void {
  const user = usersOf(image, containers).find(isOwned);
  if (user !== undefined) throw inUse(image, [user], "remove the container first");
}

/** Throws EngineError FailedPrecondition if any container was created from it. */
export function refuseIfUsed(image: Image, containers: readonly ImageUser[]): void {
  const users = usersOf(image, containers);
  if (users.length > 0)
    throw inUse(image, users, "remove the container first, or use force: containers keep their file systems");
}

/** A user who gives an id may not know all of the image's names. Throws EngineError FailedPrecondition. */
export function refuseIfSeveralTags(image: Image): void {
  if (image.repoTags.length < 2) return;
  throw new EngineError(
    "FailedPrecondition",
    `image ${image.id} has several tags: ${image.repoTags.join(", ")}; remove it by tag, or use force`,
  );
}

function inUse(image: Image, containers: readonly ImageUser[], remedy: string): EngineError {
  const [first, ...others] = containers.map(
    ({ id, config }) => `${config.metadata?.name} (${id.slice(0, 13)})`,
  );
  const users = others.length === 0 ? `container ${first}` : `container ${first} and ${others.length} more`;
  return new EngineError(
    "FailedPrecondition",
    `image ${image.repoTags[0] ?? image.id} is in use by ${users}; ${remedy}`,
  );
}
