import { JobThread, threadFile } from "../../ground/threads/index.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Usage } from "./snapshotter.ts";
import type { TreeJob } from "./tree-jobs.ts";

/**
 * A thread for work on trees. Jobs are done in order, and resolve with the usage where they ask for it. Throws SnapshotError:
 * ResourceExhausted for a full disk, else what went wrong.
 */
export type TreeThread = JobThread<TreeJob, Usage | undefined>;

export function treeThread(): TreeThread {
  return new JobThread({
    name: "snapshots",
    file: threadFile(import.meta.url, "./tree-worker"),
    error: SnapshotError,
  });
}
