import { join } from "node:path";

/**
 * Prefixes of the directories below the one for checkpoints, each followed by a container's or sandbox's id.
 */
export const dumpPrefix = "dump-";
export const restorePrefix = "restore-";

/** Where a checkpoint is made: it goes with the call. */
export function dumpDirectory(checkpointDir: string, id: string): string {
  return join(checkpointDir, `${dumpPrefix}${id}`);
}

/**
 * Where criu writes of one of a checkpoint's containers: its images, and in `workDir` what it says of them.
 */
export function criuPaths(scratch: string, containerId: string): CriuPaths {
  const workDir = join(scratch, containerId);
  return { workDir, imageDir: join(workDir, "checkpoint") };
}

export type CriuPaths = { readonly workDir: string; readonly imageDir: string };

/** Where the checkpoint lies, taken apart, that a container is to be restored from, until it runs. */
export function restoreDirectory(checkpointDir: string, containerId: string): string {
  return join(checkpointDir, `${restorePrefix}${containerId}`);
}
