import type { PodStatus } from "../../podlife/index.ts";
import type { JobPodEnd } from "../job-pod-end.ts";
import type { StoredObject, StoredPod } from "../objects.ts";
import { failureOf } from "./job-failures.ts";
import { indexOf } from "./job-indexes.ts";
import type { Job } from "./job-status.ts";
import type { World } from "./world.ts";

/** How a job's pods have ended, including removed ones. What was counted once stays counted. */
export function endsOf(job: Job, pods: readonly StoredPod[], world: World): readonly JobPodEnd[] {
  const news = uncounted(job, pods).flatMap((pod) => {
    const status = world.podStatus(pod);
    return endBy(job, pod, status) ?? lossOf(job, pod, status) ?? [];
  });
  return [...(job.gonePods ?? []), ...news];
}

/**
 * Pods that count as failed as soon as somebody deletes them, as in Kubernetes: each is replaced at once, so
 * that how it ends no longer matters.
 */
export function lossesOf(job: Job, pods: readonly StoredPod[], world: World): readonly JobPodEnd[] {
  return uncounted(job, pods).flatMap((pod) => lossOf(job, pod, world.podStatus(pod)) ?? []);
}

/** How a removed pod ended. */
export function endOfGone(job: Job, pod: StoredPod): JobPodEnd | undefined {
  const status = pod.status?.pod;
  return endBy(job, pod, status) ?? (isLost(pod, status) ? lossEnd(job, pod) : undefined);
}

/** Adds an end to a job, unless that pod has already been counted. */
export function withEnd({ gonePods = [] }: StoredObject, end: JobPodEnd): Partial<StoredObject> | undefined {
  return gonePods.some(({ uid }) => uid === end.uid) ? undefined : { gonePods: [...gonePods, end] };
}

function uncounted({ gonePods = [] }: Job, pods: readonly StoredPod[]): readonly StoredPod[] {
  const counted = new Set(gonePods.map(({ uid }) => uid));
  return pods.filter(({ uid }) => !counted.has(uid));
}

/** How an ended pod ended. A pod that its job no longer needed has not failed. */
function endBy(job: Job, pod: StoredPod, status: PodStatus | undefined): JobPodEnd | undefined {
  if (status?.phase === "Succeeded") return endOf(job, pod);
  if (pod.deleting?.byController === true) return undefined;
  const failure = failureOf(job.manifest.spec, pod, status);
  return failure && { ...endOf(job, pod), failure };
}

function lossOf(job: Job, pod: StoredPod, status: PodStatus | undefined): JobPodEnd | undefined {
  return isLost(pod, status) && !waitsForEnds(job.manifest.spec) ? lossEnd(job, pod) : undefined;
}

/** Whether somebody deleted a pod that has not ended. */
function isLost({ deleting }: StoredPod, status: PodStatus | undefined): boolean {
  const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
  return deleting !== undefined && deleting.byController !== true && !isOver;
}

function lossEnd(job: Job, pod: StoredPod): JobPodEnd {
  const message = `pod ${pod.manifest.metadata.name} was deleted`;
  return { ...endOf(job, pod), failure: { counts: true, failsJob: false, failsIndex: false, message } };
}

function endOf({ manifest: { spec } }: Job, pod: StoredPod): JobPodEnd {
  return { uid: pod.uid, ...(spec.completionMode === "Indexed" ? { index: indexOf(pod) } : {}) };
}

/** Whether a pod that is being deleted counts, and is replaced, only after it has ended. */
export function waitsForEnds({ podReplacementPolicy, podFailurePolicy }: Job["manifest"]["spec"]): boolean {
  return podReplacementPolicy === "Failed" || podFailurePolicy !== undefined;
}

/** The successful ends; of an indexed job, one for each index. */
export function succeededOf(job: Job, ends: readonly JobPodEnd[]): readonly JobPodEnd[] {
  const all = ends.filter(({ failure }) => failure === undefined);
  if (job.manifest.spec.completionMode !== "Indexed") return all;
  return [...new Map(all.map((end) => [end.index, end])).values()];
}
