import type { PodStatus } from "../../podlife/index.ts";
import type { JobPodEnd } from "../job-pod-end.ts";
import type { StoredObject, StoredPod } from "../objects.ts";
import { failureOf } from "./job-failures.ts";
import { indexOf } from "./job-indexes.ts";
import type { Job } from "./job-status.ts";
import type { World } from "./world.ts";

/** How a job's pods have ended, also those that are there no more. What was counted once stays so. */
export function endsOf(job: Job, pods: readonly StoredPod[], world: World): readonly JobPodEnd[] {
  const news = uncounted(job, pods).flatMap((pod) => {
    const status = world.podStatus(pod);
    return endBy(job, pod, status) ?? lossOf(job, pod, status) ?? [];
  });
  return [...(job.gonePods ?? []), ...news];
}

/**
 * Pods that are given up at once when somebody deletes them, as in Kubernetes: another one is made for each,
 * so that it does not matter any more how they end.
 */
export function lossesOf(job: Job, pods: readonly StoredPod[], world: World): readonly JobPodEnd[] {
  return uncounted(job, pods).flatMap((pod) => lossOf(job, pod, world.podStatus(pod)) ?? []);
}

/** Of a pod of which nothing is left. */
export function endOfGone(job: Job, pod: StoredPod): JobPodEnd | undefined {
  const status = pod.status?.pod;
  return endBy(job, pod, status) ?? (isLost(pod, status) ? lossEnd(job, pod) : undefined);
}

/** A job with one more end, unless that pod has been counted. */
export function withEnd({ gonePods = [] }: StoredObject, end: JobPodEnd): Partial<StoredObject> | undefined {
  return gonePods.some(({ uid }) => uid === end.uid) ? undefined : { gonePods: [...gonePods, end] };
}

function uncounted({ gonePods = [] }: Job, pods: readonly StoredPod[]): readonly StoredPod[] {
  const counted = new Set(gonePods.map(({ uid }) => uid));
  return pods.filter(({ uid }) => !counted.has(uid));
}

/** Of one that has ended; that its job has no need of it any more is no failure. */
function endBy(job: Job, pod: StoredPod, status: PodStatus | undefined): JobPodEnd | undefined {
  if (status?.phase === "Succeeded") return endOf(job, pod);
  if (pod.deleting?.byController === true) return undefined;
  const failure = failureOf(job.manifest.spec, pod, status);
  return failure && { ...endOf(job, pod), failure };
}

function lossOf(job: Job, pod: StoredPod, status: PodStatus | undefined): JobPodEnd | undefined {
  return isLost(pod, status) && !waitsForEnds(job.manifest.spec) ? lossEnd(job, pod) : undefined;
}

/** Whether somebody has deleted a pod that has not ended. */
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

/** Whether a pod that is being deleted counts, and is replaced, only when it has ended. */
export function waitsForEnds({ podReplacementPolicy, podFailurePolicy }: Job["manifest"]["spec"]): boolean {
  return podReplacementPolicy === "Failed" || podFailurePolicy !== undefined;
}

/** Of an indexed job one of each index counts. */
export function succeededOf(job: Job, ends: readonly JobPodEnd[]): readonly JobPodEnd[] {
  const all = ends.filter(({ failure }) => failure === undefined);
  if (job.manifest.spec.completionMode !== "Indexed") return all;
  return [...new Map(all.map((end) => [end.index, end])).values()];
}
