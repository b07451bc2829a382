import { messageOf } from "../../../ground/errors/index.ts";
import { PodSpecError } from "../errors.ts";
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
      if (!(error instanceof PodSpecError)) throw error;
      const message = `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ${messageOf(error)}`;
      throw new PodSpecError(error.code, message, { cause: error });
    }
  }
}
