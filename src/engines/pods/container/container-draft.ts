import type { ContainerConfig } from "../../../ground/protocol/index.ts";
import type { ArchiveSource } from "../../../services/checkpoint/index.ts";
import { EngineError, type Image } from "../../engine/index.ts";
import { checkpointSources, type FoundImages, openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import { forgetCheckpoint } from "../checkpoint/restore-step.ts";
import { latestOfPod } from "../records/latest-of-pod.ts";
import type { NotYetCreated } from "../records/record-store.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { newContainerRecord } from "./container-spec.ts";

type DraftServices = { readonly images: FoundImages };

/**
 * The record of a container to be created from an image; or from a checkpoint, if `archive` is given or the
 * configuration names one as its image. The checkpoint is then already unpacked, in a directory named after
 * the new container. The images that were found are held until `holds` is disposed: the snapshots to come
 * need them. Throws EngineError NotFound for a missing image or archive.
 */
export async function draftContainer(
  sandbox: SandboxRecord,
  config: ContainerConfig,
  archive: ArchiveSource | undefined,
  given: PodServices,
  holds: DisposableStack,
): Promise<NotYetCreated<ContainerRecord>> {
  const services = { ...given, images: holding(given.images, holds) };
  const reference = config.image?.image ?? "";
  const lookUp = services.hostPaths.of(sandbox.id);
  const sources = archive === undefined ? await checkpointSources(reference, lookUp, services) : [archive];
  if (sources === undefined)
    return newContainerRecord(sandbox, config, imageOf(reference, services), services);
  const { containerId, image } = await openCheckpoint(sources, lookUp, services);
  try {
    const exact = archive !== undefined;
    if (exact && !reference.startsWith("/")) requireImage(reference, image, services);
    return { ...newContainerRecord(sandbox, config, image, services, containerId), restore: { exact } };
  } catch (error) {
    await forgetCheckpoint({ id: containerId }, services);
    throw error;
  }
}

/**
 * Saves a drafted container's record. If that fails, a checkpoint that was unpacked for the container is
 * removed.
 */
export async function saveDraft(
  draft: NotYetCreated<ContainerRecord>,
  services: PodServices,
): Promise<ContainerRecord> {
  // After a power failure, what was created until then is found without the record, too: mounts are gone, and
  // snapshots and volumes without a record are removed. An unpacked checkpoint is not.
  const durability = draft.restore === undefined ? "withNext" : "atOnce";
  try {
    const { config } = services.sandboxes.get(draft.sandboxId);
    return await services.containers.create(draft, durability, latestOfPod(config, services));
  } catch (error) {
    if (draft.restore !== undefined) await forgetCheckpoint(draft, services);
    throw error;
  }
}

/** Holds each image from before it is looked for. */
function holding(images: PodServices["images"], holds: DisposableStack): FoundImages {
  return {
    find: (reference) => {
      holds.use(images.hold(reference));
      return images.find(reference);
    },
    layerFiles: (image) => images.layerFiles(image),
  };
}

function requireImage(reference: string, { id }: Image, { images }: DraftServices): void {
  if (images.find(reference)?.id === id) return;
  throw new EngineError(
    "FailedPrecondition",
    `the checkpoint is of a container of image ${id}, but ${JSON.stringify(reference)} is another image`,
  );
}

function imageOf(reference: string, { images }: DraftServices): Image {
  const image = images.find(reference);
  if (image !== undefined) return image;
  throw new EngineError(
    "NotFound",
    `image ${JSON.stringify(reference)} not found; pull it before creating a container from it`,
  );
}
