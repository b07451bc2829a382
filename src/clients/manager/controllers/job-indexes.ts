import { type ManifestOf, type PodTemplate, parseIndexRanges } from "../../manifests/index.ts";
import type { JobPodEnd } from "../job-pod-end.ts";
import type { StoredPod } from "../objects.ts";

type Spec = ManifestOf<"Job">["spec"];

export const indexAnnotation = "batch.kubernetes.io/job-completion-index";

/** The index of a pod in an indexed job. */
export function indexOf({ manifest }: StoredPod): number {
  return Number(manifest.metadata.annotations[indexAnnotation]);
}

/**
 * The indexes that have failed finally, of a job with a limit for each
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#backoff-limit-per-index).
 */
export function failedIndexes(spec: Spec, ends: readonly JobPodEnd[]): ReadonlySet<number> {
  const limit = spec.backoffLimitPerIndex;
  if (limit === undefined) return new Set();
  const failed = new Set<number>();
  const counts = new Map<number, number>();
  for (const { failure, index } of ends) {
    if (failure === undefined || index === undefined) continue;
    const count = (counts.get(index) ?? 0) + (failure.counts ? 1 : 0);
    counts.set(index, count);
    if (failure.failsIndex || count > limit) failed.add(index);
  }
  return failed;
}

/** The number of the first rule by which enough indexes have succeeded; undefined if there is none. */
export function successRule({ successPolicy }: Spec, succeeded: readonly number[]): number | undefined {
  const found = (successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    const ranges = succeededIndexes === undefined ? undefined : parseIndexRanges(succeededIndexes);
    const counted = succeeded.filter(
      (index) => ranges === undefined || ranges.some(({ first, last }) => first <= index && index <= last),
    ).length;
    const all = (ranges ?? []).reduce((sum, { first, last }) => sum + last - first + 1, 0);
    return counted >= (succeededCount ?? all);
  });
  return found === -1 ? undefined : found;
}

/**
 * Tells a pod its index with a variable, unless its container sets that itself, and its host name, which
 * others can look up.
 */
export function withIndex(job: string, template: PodTemplate, index: number): PodTemplate {
  const variable = { name: "JOB_COMPLETION_INDEX", value: String(index) };
  const told = <C extends PodTemplate["spec"]["containers"][number]>(container: C) => ({
    ...container,
    env: [
      ...(container.env ?? []),
      ...(container.env?.some(({ name }) => name === variable.name) === true ? [] : [variable]),
    ],
  });
  const { containers, initContainers } = template.spec;
  return {
    ...template,
    spec: {
      ...template.spec,
      hostname: hostnameOf(job, index),
      containers: containers.map(told),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(told) }),
    },
  };
}

/** A host name has at most 63 characters. */
function hostnameOf(job: string, index: number): string {
  return `${job.replaceAll(".", "-").slice(0, 62 - String(index).length)}-${index}`;
}
