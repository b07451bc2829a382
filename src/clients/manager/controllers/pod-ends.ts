import type { PodStatus } from "../../podlife/index.ts";
import type { JobPodEnd, PodFailure } from "../job-pod-end.ts";
import type { StoredPod } from "../objects.ts";
import { failureOf } from "./job-failures.ts";
import { indexOf } from "./job-indexes.ts";
import type { Job } from "./job-status.ts";
import type { World } from "./world.ts";

/** How a job's pods have ended, also those that are there no more. */
export function endsOf(job: Job, pods: readonly StoredPod[], world: World): readonly JobPodEnd[] {
  const there = pods.flatMap((pod) => endOf(job, pod, world.podStatus(pod)) ?? []);
  const known = new Set(there.map(({ uid }) => uid));
  return [...there, ...(job.gonePods ?? []).filter(({ uid }) => !known.has(uid))];
}

/** Undefined for a pod that has not ended, and that nobody has deleted. */
function endOf(job: Job, pod: StoredPod, status: PodStatus | undefined): JobPodEnd | undefined {
  const { spec } = job.manifest;
  return endBy(
    job,
    pod,
    failureOf(spec, pod, status) ?? (waitsForEnds(spec) ? undefined : lossOf(pod, status)),
    status,
  );
}

/** Of a pod of which nothing is left. */
export function endOfGone(job: Job, pod: StoredPod): JobPodEnd | undefined {
  const status = pod.status?.pod;
  return endBy(job, pod, failureOf(job.manifest.spec, pod, status) ?? lossOf(pod, status), status);
}

function endBy(
  job: Job,
  pod: StoredPod,
  failure: PodFailure | undefined,
  status: PodStatus | undefined,
): JobPodEnd | undefined {
  if (failure === undefined && status?.phase !== "Succeeded") return undefined;
  const { uid } = pod;
  const index = job.manifest.spec.completionMode === "Indexed" ? { index: indexOf(pod) } : {};
  return { uid, ...index, ...(failure === undefined ? {} : { failure }) };
}

/** A pod that somebody has deleted before it was done counts as failed, as in Kubernetes. */
function lossOf({ deleting, manifest }: StoredPod, status: PodStatus | undefined): PodFailure | undefined {
  if (deleting === undefined || deleting.byController === true || status?.phase === "Succeeded")
    return undefined;
  const message = `pod ${manifest.metadata.name} was deleted`;
  return { counts: true, failsJob: false, failsIndex: false, message };
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
