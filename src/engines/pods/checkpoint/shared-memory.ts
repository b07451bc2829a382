import { addMissingFiles, type Checkpoint } from "../../../services/checkpoint/index.ts";
import type { OciSpec } from "../../../services/runtime/index.ts";

/** Whether a container has its pod's own /dev/shm, rather than the host's or a volume. */
export function mountsOwnShm({ mounts }: Pick<OciSpec, "mounts">, shm: string): boolean {
  return mounts.findLast(({ destination }) => destination === "/dev/shm")?.source === shm;
}

/**
 * Restores the files of /dev/shm. They belong to the pod: existing ones, which other containers may use, stay
 * as they are. Throws CheckpointError.
 */
export async function restoreShm(
  { shm: tar }: Pick<Checkpoint, "shm">,
  spec: Pick<OciSpec, "mounts">,
  shm: string,
): Promise<void> {
  if (tar !== undefined && mountsOwnShm(spec, shm)) await addMissingFiles(tar, shm);
}
