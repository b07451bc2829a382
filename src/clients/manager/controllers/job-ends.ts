import type { PodStatus } from "../../podlife/index.ts";
import type { JobPodEnd } from "../job-pod-end.ts";
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

/** Undefined for a pod that has not ended. */
export function endOf(job: Job, pod: StoredPod, status: PodStatus | undefined): JobPodEnd | undefined {
  const failure = failureOf(job.manifest.spec, pod, status);
  if (failure === undefined && status?.phase !== "Succeeded") return undefined;
  const { uid } = pod;
  const index = job.manifest.spec.completionMode === "Indexed" ? { index: indexOf(pod) } : {};
  return { uid, ...index, ...(failure === undefined ? {} : { failure }) };
}

/** Of an indexed job one of each index counts. */
export function succeededOf(job: Job, ends: readonly JobPodEnd[]): readonly JobPodEnd[] {
  const all = ends.filter(({ failure }) => failure === undefined);
  if (job.manifest.spec.completionMode !== "Indexed") return all;
  return [...new Map(all.map((end) => [end.index, end])).values()];
}
