import { EngineError, type Image } from "../../engine/index.ts";
import { isOwned } from "../records/ownership.ts";
import type { ContainerRecord } from "../records/records.ts";

/** The containers that are made of the image. */
function usersOf(image: Image, containers: readonly ContainerRecord[]): readonly ContainerRecord[] {
  return containers.filter(({ imageId }) => imageId === image.id);
}

/** Throws EngineError FailedPrecondition when a container is made of the image that a kubelet is not shown, and so cannot take into account. */
export function refuseIfOwned(image: Image, containers: readonly ContainerRecord[]): void {
  const user = usersOf(image, containers).find(isOwned);
  if (user !== undefined) throw inUse(image, [user], "remove that first");
}

/** Throws EngineError FailedPrecondition when any container is made of it. */
export function refuseIfUsed(image: Image, containers: readonly ContainerRecord[]): void {
  const users = usersOf(image, containers);
  if (users.length > 0)
    throw inUse(image, users, "remove that first, or force it: the container keeps what it has");
}

/** Whoever names an image by its id may not know what else it is called. Throws EngineError FailedPrecondition. */
export function refuseIfSeveralTags(image: Image): void {
  if (image.repoTags.length < 2) return;
  throw new EngineError(
    "FailedPrecondition",
    `image ${image.id} is not removed: it has the tags ${image.repoTags.join(", ")}; name those to remove them, or force it`,
  );
}

function inUse(image: Image, users: readonly ContainerRecord[], remedy: string): EngineError {
  const [first, ...others] = users.map(({ id, config }) => `${config.metadata?.name} (${id.slice(0, 13)})`);
  const use = others.length === 0 ? "uses it" : `and ${others.length} more use it`;
  return new EngineError(
    "FailedPrecondition",
    `image ${image.repoTags[0] ?? image.id} is not removed: container ${first} ${use}; ${remedy}`,
  );
}
