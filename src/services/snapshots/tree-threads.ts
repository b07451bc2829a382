import { JobThreads, threadFile } from "../../ground/threads/index.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Usage } from "./snapshotter.ts";
import type { TreeJob } from "./tree-jobs.ts";

/**
 * Threads for work on trees. Jobs resolve with the usage where they ask for it. Throws SnapshotError:
 * ResourceExhausted for a full disk, else what went wrong.
 */
export type TreeThreads = JobThreads<TreeJob, Usage | undefined>;

/** `most`: of so many trees at one time; who comes later waits. */
export function treeThreads(most: number): TreeThreads {
  return new JobThreads(
    { name: "snapshots", file: threadFile(import.meta.url, "./tree-worker"), error: SnapshotError },
    most,
  );
}
