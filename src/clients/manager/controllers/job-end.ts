import type { PodFailure } from "../job-pod-end.ts";
import type { StoredPod } from "../objects.ts";
import { successRule } from "./job-indexes.ts";
import type { Job, JobStatus } from "./job-status.ts";
import type { World } from "./world.ts";

type End = Pick<JobStatus, "end" | "reason" | "message">;

/** What a job's pods have come to. */
export type JobProgress = {
  readonly failures: readonly PodFailure[];
  readonly active: readonly StoredPod[];
  /** Of an indexed job. */
  readonly succeededIndexes: readonly number[];
  readonly failedIndexes: ReadonlySet<number>;
};

/** How a job ends now; undefined while it goes on. */
export function endOf(job: Job, status: JobStatus, progress: JobProgress, world: World): End | undefined {
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
): End | undefined {
  const { backoffLimitPerIndex, maxFailedIndexes } = spec;
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes)
    return {
      end: "Failed",
      reason: "MaxFailedIndexesExceeded",
      message: "Job has exceeded the specified maximal number of failed indexes",
    };
  const restarts = active.reduce((sum, pod) => sum + restartsOf(pod, world), 0);
  const limit = spec.backoffLimit ?? (backoffLimitPerIndex === undefined ? 6 : Number.POSITIVE_INFINITY);
  if (failed <= limit && (restarts === 0 || failed + restarts <= limit)) return undefined;
  return {
    end: "Failed",
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
  };
}

/** Of pods that restart their containers themselves. */
function restartsOf(pod: StoredPod, world: World): number {
  if (pod.manifest.spec.restartPolicy !== "OnFailure") return 0;
  const { initContainerStatuses = [], containerStatuses = [] } = world.podStatus(pod) ?? {};
  return [...initContainerStatuses, ...containerStatuses].reduce((sum, one) => sum + one.restartCount, 0);
}

/** The time of a job that is suspended does not run. */
function deadlineEnd({ manifest: { spec } }: Job, { startTimeNs }: JobStatus, world: World): End | undefined {
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

/** As many as have begun, where no number is asked for: one that succeeded ends the job. */
function doneEnd(
  { manifest: { spec } }: Job,
  { succeeded }: JobStatus,
  { active, failedIndexes }: JobProgress,
): End | undefined {
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
