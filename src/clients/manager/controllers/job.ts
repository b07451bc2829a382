import type { ManifestOf, PodTemplate } from "../../manifests/index.ts";
import type { StoredObject, StoredPod } from "../objects.ts";
import { backOffLeftMs } from "./job-back-off.ts";
import { failureOf, type PodFailure } from "./job-failures.ts";
import { generatedName, hasEnded, isReady, podsOf } from "./pods-of.ts";
import { podOf, type World } from "./world.ts";

export type Job = StoredObject<ManifestOf<"Job">>;

/** What a job's status says; times in nanoseconds since 1970. */
export type JobStatus = {
  readonly active: number;
  readonly ready: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly startTimeNs: bigint;
  readonly completionTimeNs?: bigint;
  readonly end?: "Complete" | "Failed";
  readonly reason?: string;
  readonly message?: string;
};

const indexAnnotation = "batch.kubernetes.io/job-completion-index";

/** How a job has ended; undefined while it goes on. */
export function jobEnd(job: Job): JobStatus["end"] {
  return jobStatus(job)?.end;
}

export function jobStatus({ status }: Job): JobStatus | undefined {
  return status?.job as JobStatus | undefined;
}

/** Runs pods until so many have succeeded, or too many have failed. */
export async function reconcileJob(job: Job, world: World): Promise<void> {
  const { spec } = job.manifest;
  const before = jobStatus(job);
  if (before?.end !== undefined) return await afterEnd(job, before, world);
  const pods = podsOf(job, world);
  // Looked at once: a pod that ends while the status is written counts by its end in the next turn.
  const running = pods.filter((pod) => !hasEnded(pod, world));
  const active = running.filter((pod) => pod.deleting === undefined);
  const succeeded = succeededOf(job, pods, world);
  const failures = pods.flatMap((pod) => failureOf(spec, pod, world.podStatus(pod)) ?? []);
  const status: JobStatus = {
    active: active.length,
    ready: active.filter((pod) => isReady(pod, world)).length,
    succeeded: succeeded.length,
    failed: failures.filter(({ counts }) => counts).length,
    startTimeNs: before?.startTimeNs ?? world.nowNs(),
  };
  const end = endOf(job, status, failures, active, world);
  if (end !== undefined || spec.suspend === true) {
    for (const pod of active) await world.remove(pod);
    const over = end === undefined ? {} : { ...end, completionTimeNs: world.nowNs() };
    return await world.setStatus(job, { job: { ...status, active: 0, ready: 0, ...over } });
  }
  await world.setStatus(job, { job: status });
  await makePods(job, status, { pods, taken: [...running, ...succeeded] }, world);
}

/** Of an indexed job one of each index counts. */
function succeededOf(job: Job, pods: readonly StoredPod[], world: World): readonly StoredPod[] {
  const all = pods.filter((pod) => world.podStatus(pod)?.phase === "Succeeded");
  if (job.manifest.spec.completionMode !== "Indexed") return all;
  return [...new Map(all.map((pod) => [indexOf(pod), pod])).values()];
}

function indexOf({ manifest }: StoredPod): number {
  return Number(manifest.metadata.annotations[indexAnnotation]);
}

function endOf(
  { manifest: { spec } }: Job,
  { succeeded, failed, startTimeNs }: JobStatus,
  failures: readonly PodFailure[],
  active: readonly StoredPod[],
  world: World,
): Pick<JobStatus, "end" | "reason" | "message"> | undefined {
  const fatal = failures.find(({ failsJob }) => failsJob);
  if (fatal !== undefined) return { end: "Failed", reason: "PodFailurePolicy", message: fatal.message };
  // As many as have begun, where no number is asked for: one that succeeded ends the job.
  const isDone =
    spec.completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= spec.completions;
  if (isDone) return { end: "Complete" };
  const restarts = active.reduce((sum, pod) => sum + restartsOf(pod, world), 0);
  const limit = spec.backoffLimit ?? 6;
  if (failed > limit || (restarts > 0 && failed + restarts > limit))
    return {
      end: "Failed",
      reason: "BackoffLimitExceeded",
      message: "Job has reached the specified backoff limit",
    };
  if (spec.activeDeadlineSeconds === undefined) return undefined;
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

/** Of pods that restart their containers themselves. */
function restartsOf(pod: StoredPod, world: World): number {
  if (pod.manifest.spec.restartPolicy !== "OnFailure") return 0;
  const { initContainerStatuses = [], containerStatuses = [] } = world.podStatus(pod) ?? {};
  return [...initContainerStatuses, ...containerStatuses].reduce((sum, one) => sum + one.restartCount, 0);
}

async function makePods(
  job: Job,
  { active, succeeded }: JobStatus,
  { pods, taken }: { readonly pods: readonly StoredPod[]; readonly taken: readonly StoredPod[] },
  world: World,
): Promise<void> {
  const { spec, metadata } = job.manifest;
  const { parallelism = 1, completions } = spec;
  const open = completions === undefined ? (succeeded > 0 ? active : parallelism) : completions - succeeded;
  const missing = Math.min(parallelism, open) - active;
  if (missing <= 0) return;
  const leftMs = backOffLeftMs(pods, world);
  if (leftMs > 0) return world.lookAgainAfter(leftMs);
  const labels = {
    "batch.kubernetes.io/job-name": metadata.name,
    "job-name": metadata.name,
    "batch.kubernetes.io/controller-uid": job.uid,
  };
  if (spec.completionMode !== "Indexed") {
    for (let count = 0; count < missing; count++)
      await world.create(podOf(job, spec.template, generatedName(metadata.name), { labels }), job);
    return;
  }
  const takenIndexes = new Set(taken.map(indexOf));
  const free = Array.from({ length: completions ?? 0 }, (_, index) => index).filter(
    (index) => !takenIndexes.has(index),
  );
  for (const index of free.slice(0, missing))
    await world.create(
      podOf(job, withIndex(spec.template, index), generatedName(`${metadata.name}-${index}`), {
        labels: { ...labels, [indexAnnotation]: String(index) },
        annotations: { [indexAnnotation]: String(index) },
      }),
      job,
    );
}

function withIndex(template: PodTemplate, index: number): PodTemplate {
  const variable = { name: "JOB_COMPLETION_INDEX", value: String(index) };
  const containers = template.spec.containers.map((container) => ({
    ...container,
    env: [...(container.env ?? []), variable],
  }));
  return { ...template, spec: { ...template.spec, containers } };
}

/** Pods of a job that has ended stay, so that their logs can be read, until the job is removed. */
async function afterEnd(job: Job, { completionTimeNs = 0n }: JobStatus, world: World): Promise<void> {
  const { ttlSecondsAfterFinished } = job.manifest.spec;
  if (ttlSecondsAfterFinished === undefined || job.deleting !== undefined) return;
  const leftMs = ttlSecondsAfterFinished * 1000 - Number(world.nowNs() - completionTimeNs) / 1e6;
  if (leftMs <= 0) await world.remove(job);
  else world.lookAgainAfter(leftMs);
}
