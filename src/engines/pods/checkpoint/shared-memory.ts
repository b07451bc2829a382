import { addMissingFiles, type Checkpoint } from "../../../services/checkpoint/index.ts";
import type { OciSpec } from "../../../services/runtime/index.ts";

/** Whether a container has its pod's own /dev/shm: not the host's, nor a volume in its place. */
export function mountsOwnShm({ mounts }: Pick<OciSpec, "mounts">, shm: string): boolean {
  return mounts.findLast(({ destination }) => destination === "/dev/shm")?.source === shm;
}

/**
 * Brings back what was in /dev/shm. Its files are the pod's: those that are there, which other containers may
 * use, stay as they are. Throws CheckpointError.
 */
export async function restoreShm(
  { shm: tar }: Pick<Checkpoint, "shm">,
  spec: Pick<OciSpec, "mounts">,
  shm: string,
): Promise<void> {
  if (tar !== undefined && mountsOwnShm(spec, shm)) await addMissingFiles(tar, shm);
}
