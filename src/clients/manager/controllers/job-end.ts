import type { PodFailure } from "../job-pod-end.ts";
import type { StoredPod } from "../objects.ts";
import { successRule } from "./job-indexes.ts";
import type { Job, JobEnd, JobStatus } from "./job-status.ts";
import type { World } from "./world.ts";

/** How many of a job's pods have ended, and how. */
export type JobProgress = {
  readonly failures: readonly PodFailure[];
  readonly active: readonly StoredPod[];
  /** For an indexed job. */
  readonly succeededIndexes: readonly number[];
  readonly failedIndexes: ReadonlySet<number>;
};

/** How a job ends now; undefined while it continues. */
export function endOf(job: Job, status: JobStatus, progress: JobProgress, world: World): JobEnd | undefined {
  const { failures, succeededIndexes } = progress;
  const fatal = failures.find(({ failsJob }) => failsJob);
  if (fatal !== undefined) return { end: "Failed", reason: "PodFailurePolicy", message: fatal.message };
  const failed = failedEnd(job, status, progress, world) ?? deadlineEnd(job, status, world);
  if (failed !== undefined) return failed;
  const rule = successRule(job.manifest.spec, succeededIndexes);
  if (rule !== undefined)
    return { end: "Complete", reason: "SuccessPolicy", message: `Matched rules at index ${rule}` };
  return doneEnd(job, status, progress);
}

function failedEnd(
  { manifest: { spec } }: Job,
  { failed }: JobStatus,
  { active, failedIndexes }: JobProgress,
  world: World,
): JobEnd | undefined {
  const { backoffLimitPerIndex, maxFailedIndexes } = spec;
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes)
    return {
      end: "Failed",
      reason: "MaxFailedIndexesExceeded",
      message: "Job has exceeded the specified maximal number of failed indexes",
    };
  const restarts = active.reduce((sum, pod) => sum + restartsOf(pod, world), 0);
  const limit = spec.backoffLimit ?? (backoffLimitPerIndex === undefined ? 6 : Number.POSITIVE_INFINITY);
  if (failed <= limit && !hasRestartedTooOften(restarts, limit)) return undefined;
  return {
    end: "Failed",
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
  };
}

/**
 * Compared with the limit as in Kubernetes (pastBackoffLimitOnFailure): failed pods do not count with them.
 */
function hasRestartedTooOften(restarts: number, limit: number): boolean {
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Number of restarts, for pods that restart their containers themselves. */
function restartsOf(pod: StoredPod, world: World): number {
  if (pod.manifest.spec.restartPolicy !== "OnFailure") return 0;
  const { initContainerStatuses = [], containerStatuses = [] } = world.podStatus(pod) ?? {};
  return [...initContainerStatuses, ...containerStatuses].reduce((sum, one) => sum + one.restartCount, 0);
}

/** Failure because of the deadline; the time of a suspended job does not count. */
function deadlineEnd(
  { manifest: { spec } }: Job,
  { startTimeNs }: JobStatus,
  world: World,
): JobEnd | undefined {
  if (spec.activeDeadlineSeconds === undefined || startTimeNs === undefined) return undefined;
  const leftMs = spec.activeDeadlineSeconds * 1000 - Number(world.nowNs() - startTimeNs) / 1e6;
  if (leftMs <= 0)
    return {
      end: "Failed",
      reason: "DeadlineExceeded",
      message: "Job was active longer than specified deadline",
    };
  world.lookAgainAfter(leftMs);
  return undefined;
}

/**
 * Success if enough pods have succeeded; without a number of completions, as many as were started: the first
 * success ends the job.
 */
function doneEnd(
  { manifest: { spec } }: Job,
  { succeeded }: JobStatus,
  { active, failedIndexes }: JobProgress,
): JobEnd | undefined {
  const { completions } = spec;
  const isDone =
    completions === undefined
      ? succeeded > 0 && active.length === 0
      : succeeded + failedIndexes.size >= completions;
  if (!isDone) return undefined;
  if (failedIndexes.size > 0)
    return { end: "Failed", reason: "FailedIndexes", message: "Job has failed indexes" };
  return {
    end: "Complete",
    reason: "CompletionsReached",
    message: "Reached expected number of succeeded pods",
  };
}
