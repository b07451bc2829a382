import { exists } from "../../../ground/fs/index.ts";
import { objectVolume, objectVolumePath } from "./object-volume.ts";
import type { VolumeSource } from "./volume-files.ts";

/**
 * Updates a pod's existing volumes of config maps, secrets and fields. Containers see the changes, except in
 * mounts with a subPath. Throws PodSpecError for missing sources.
 */
export async function refreshVolumes(source: VolumeSource): Promise<void> {
  for (const volume of source.pod.spec.volumes ?? []) {
    if (await exists(objectVolumePath(volume, source))) await objectVolume(volume, source);
  }
}
