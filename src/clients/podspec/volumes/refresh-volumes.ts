import { exists } from "../../../ground/fs/index.ts";
import { objectVolume, objectVolumePath } from "./object-volume.ts";
import type { VolumeSource } from "./volume-files.ts";

/**
 * Brings the volumes of config maps, secrets and fields that a pod has already to what these are now.
 * Containers see it, but for what they have by subPath. Throws PodSpecError for what is not there any more.
 */
export async function refreshVolumes(source: VolumeSource): Promise<void> {
  for (const volume of source.pod.spec.volumes ?? []) {
    if (await exists(objectVolumePath(volume, source))) await objectVolume(volume, source);
  }
}
