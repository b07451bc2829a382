import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type ErrorCode } from "../../../ground/errors/index.ts";
import { mountMappedSnapshot, mountSnapshot, resolveInRoot } from "../../../ground/linux/index.ts";
import type { ContainerConfig, Mount } from "../../../ground/protocol/index.ts";
import type { Image, ImageCatalog } from "../../../services/images/index.ts";
import { EngineError, type ImageVolume } from "../../engine/index.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord } from "../records/records.ts";
import { removeMountPoint } from "../records/remove-directory.ts";
import { removeSnapshot } from "../records/snapshots.ts";
import type { PodServices } from "../services.ts";
import { isMapped, withUserNamespace } from "./mapped-volumes.ts";
import { containerLabels, withLabel } from "./se-linux-labels.ts";

/*
 * Images as volumes (KEP-4639): for each such mount a read-only snapshot of the container's own, mounted in
 * its bundle and bound from there into the container. Nothing is copied, and the snapshot keeps the image's
 * layers from garbage collection.
 */

/** The images that a configuration mounts, for the record. Throws EngineError NotFound for a missing one. */
export function imageVolumesOf(
  { mounts }: ContainerConfig,
  images: Pick<ImageCatalog, "find">,
): Pick<ContainerRecord, "imageVolumes"> {
  const imageVolumes = mounts.flatMap((mount, index): readonly ImageVolume[] => {
    if (mount.image === undefined) return [];
    const image = images.find(mount.image.image);
    if (image === undefined)
      throw failure("NotFound", mount, `image ${mount.image.image} not found; pull it before mounting it`);
    return [{ mount: index, imageId: image.id }];
  });
  return imageVolumes.length === 0 ? {} : { imageVolumes };
}

export async function mountImageVolumes(record: ContainerRecord, services: PodServices): Promise<void> {
  for (const volume of record.imageVolumes ?? []) {
    try {
      await mountImageVolume(record, volume, services);
    } catch (cause) {
      const code = cause instanceof BerthError ? cause.code : "Internal";
      throw failure(code, record.config.mounts[volume.mount], `image ${volume.imageId}`, cause);
    }
  }
}

async function mountImageVolume(
  record: ContainerRecord,
  volume: ImageVolume,
  services: PodServices,
): Promise<void> {
  const { images, snapshotter, stateDir, sandboxes } = services;
  const image = images.find(volume.imageId);
  if (image === undefined) throw new EngineError("NotFound", "it was removed meanwhile; pull it again");
  const [key, directory] = [snapshotKey(record, volume), directoryOf(record, volume, stateDir)];
  await images.prepareVolume(image, key);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const sandbox = sandboxes.get(record.sandboxId);
  const labels = containerLabels(record.config, sandbox, services);
  const [mount, mounts] = [record.config.mounts[volume.mount], withLabel(snapshotter.mounts(key), labels)];
  if (mount === undefined || !isMapped(mount)) return mountSnapshot(mounts, directory);
  await withUserNamespace(mount, sandbox, stateDir, (userNamespace) =>
    mountMappedSnapshot(mounts, directory, {
      userNamespace,
      layers: snapshotter.root,
      scratch: containerPaths(stateDir, record.id).layers,
    }),
  );
}

/** Safe at any time, as an undo must be. */
export async function unmountImageVolumes(record: ContainerRecord, services: PodServices): Promise<void> {
  for (const volume of record.imageVolumes ?? []) {
    await removeMountPoint(directoryOf(record, volume, services.stateDir));
    await removeSnapshot(snapshotKey(record, volume), services);
  }
}

/**
 * The configuration with the host's path of each mounted image. A sub-path is resolved within the image: its
 * symbolic links cannot lead outside. Throws EngineError FailedPrecondition if it does not exist.
 */
export async function withImageVolumes(
  config: ContainerConfig,
  record: ContainerRecord,
  { stateDir }: PodServices,
): Promise<ContainerConfig> {
  const { imageVolumes = [] } = record;
  if (imageVolumes.length === 0) return config;
  const mounts = [...config.mounts];
  for (const volume of imageVolumes) {
    const mount = mounts[volume.mount];
    if (mount === undefined) continue;
    const hostPath = await resolveSubPath(mount, directoryOf(record, volume, stateDir));
    mounts[volume.mount] = { ...mount, hostPath };
  }
  return { ...config, mounts };
}

/** The same for display: the images need not be mounted, and links in sub-paths are not followed. */
export function describeImageVolumes(
  config: ContainerConfig,
  record: ContainerRecord,
  { stateDir }: Pick<PodServices, "stateDir">,
): ContainerConfig {
  const mounts = [...config.mounts];
  for (const volume of record.imageVolumes ?? []) {
    const mount = mounts[volume.mount];
    if (mount !== undefined)
      mounts[volume.mount] = {
        ...mount,
        hostPath: join(directoryOf(record, volume, stateDir), mount.imageSubPath),
      };
  }
  return { ...config, mounts };
}

async function resolveSubPath(mount: Mount, directory: string): Promise<string> {
  if (mount.imageSubPath === "") return directory;
  try {
    return await resolveInRoot(directory, mount.imageSubPath);
  } catch (cause) {
    const what = `sub-path ${JSON.stringify(mount.imageSubPath)} does not exist in image ${mount.image?.image}`;
    throw failure("FailedPrecondition", mount, what, cause);
  }
}

/**
 * Throws EngineError FailedPrecondition if a container mounts the image: its name and its content's blobs
 * would be lost.
 */
export function refuseIfMounted(image: Image, containers: readonly ContainerRecord[]): void {
  const user = containers.find(({ imageVolumes = [] }) =>
    imageVolumes.some(({ imageId }) => imageId === image.id),
  );
  if (user === undefined) return;
  throw new EngineError(
    "FailedPrecondition",
    `image ${image.id} is in use: container ${user.id} mounts it as a volume; remove the container first`,
  );
}

function snapshotKey({ id }: ContainerRecord, { mount }: ImageVolume): string {
  return `${id}-image-${mount}`;
}

function directoryOf({ id }: ContainerRecord, { mount }: ImageVolume, stateDir: string): string {
  return join(containerPaths(stateDir, id).images, String(mount));
}

/** Kubelets look for the first word. */
function failure(code: ErrorCode, mount: Mount | undefined, what: string, cause?: unknown): EngineError {
  return new EngineError(code, `ImageVolumeMountFailed: mount ${mount?.containerPath}: ${what}`, { cause });
}
