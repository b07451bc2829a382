import { join } from "node:path";

/**
 * Prefixes of the directories below the one for checkpoints, each followed by a container's or sandbox's id.
 */
export const dumpPrefix = "dump-";
export const restorePrefix = "restore-";

/** Directory of a checkpoint in progress, removed at the end of the call. */
export function dumpDirectory(checkpointDir: string, id: string): string {
  return join(checkpointDir, `${dumpPrefix}${id}`);
}

/** Paths for criu, for one container of a checkpoint: its images, and in `workDir` its logs. */
export function criuPaths(scratch: string, containerId: string): CriuPaths {
  const workDir = join(scratch, containerId);
  return { workDir, imageDir: join(workDir, "checkpoint") };
}

export type CriuPaths = { readonly workDir: string; readonly imageDir: string };

/** Directory of the unpacked checkpoint from which a container is restored, until it runs. */
export function restoreDirectory(checkpointDir: string, containerId: string): string {
  return join(checkpointDir, `${restorePrefix}${containerId}`);
}
