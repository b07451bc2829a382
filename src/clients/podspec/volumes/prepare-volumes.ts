import { codeOf, messageOf } from "../../../ground/errors/index.ts";
import type { Volume } from "../../manifests/index.ts";
import { PodSpecError } from "../errors.ts";
import { refreshObjectVolume } from "./object-volume.ts";
import type { VolumeSource } from "./volume-files.ts";
import { volumePath } from "./volume-path.ts";

/**
 * Creates the volumes that a pod's containers mount, except images, before any of them starts, as a kubelet
 * does. Throws PodSpecError with a kubelet's message.
 */
export async function prepareVolumes(source: VolumeSource): Promise<void> {
  const { volumes = [], initContainers = [], containers } = source.pod.spec;
  const mounted = new Set(
    [...initContainers, ...containers].flatMap(({ volumeMounts = [] }) =>
      volumeMounts.map(({ name }) => name),
    ),
  );
  for (const volume of volumes) {
    if (!mounted.has(volume.name) || volume.image !== undefined) continue;
    try {
      await volumePath(volume, source);
    } catch (error) {
      throw setUpError(volume, error);
    }
  }
}

/**
 * Updates a pod's existing volumes of config maps, secrets and fields. Containers see the changes, except in
 * mounts with a subPath. Returns what failed, with a kubelet's messages: those volumes stay as they were.
 */
export async function refreshVolumes(source: VolumeSource): Promise<readonly PodSpecError[]> {
  const failures: PodSpecError[] = [];
  for (const volume of source.pod.spec.volumes ?? []) {
    try {
      await refreshObjectVolume(volume, source);
    } catch (error) {
      failures.push(setUpError(volume, error));
    }
  }
  return failures;
}

function setUpError({ name }: Volume, error: unknown): PodSpecError {
  const message = `MountVolume.SetUp failed for volume ${JSON.stringify(name)} : ${messageOf(error)}`;
  return new PodSpecError(codeOf(error), message, { cause: error });
}
