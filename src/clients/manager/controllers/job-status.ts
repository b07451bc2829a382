import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject } from "../objects.ts";

export type Job = StoredObject<ManifestOf<"Job">>;

/** How a job ends, and why. */
export type JobEnd = {
  readonly end: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
};

/** The status of a job; times are in nanoseconds since 1970. */
export type JobStatus = {
  readonly active: number;
  readonly ready: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Undefined while it is suspended; it starts over after that. */
  readonly startTimeNs?: bigint;
  readonly completionTimeNs?: bigint;
  /** How it will end when its pods have stopped; nothing changes that any more. */
  readonly decided?: JobEnd;
  readonly end?: "Complete" | "Failed";
  readonly reason?: string;
  readonly message?: string;
  /** For an indexed job, such as `0,2-4`. */
  readonly completedIndexes?: string;
  /** For a job with a limit for each index. */
  readonly failedIndexes?: string;
};

/** How a job has ended; undefined while it continues. */
export function jobEnd(job: Job): JobStatus["end"] {
  return jobStatus(job)?.end;
}

export function jobStatus({ status }: Job): JobStatus | undefined {
  return status?.job as JobStatus | undefined;
}
