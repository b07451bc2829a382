import type { ManifestOf } from "../../manifests/index.ts";
import type { PodStatus } from "../../podlife/index.ts";
import type { PodFailure } from "../job-pod-end.ts";
import type { StoredPod } from "../objects.ts";

/**
 * The consequence of a pod's failure, by the first matching rule of the job's policy; by default it counts
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy). Undefined for a pod
 * that has not failed.
 */
export function failureOf(
  { podFailurePolicy }: ManifestOf<"Job">["spec"],
  { manifest: { metadata } }: StoredPod,
  status: PodStatus | undefined,
): PodFailure | undefined {
  if (status?.phase !== "Failed") return undefined;
  const ends = [...status.containerStatuses, ...status.initContainerStatuses].flatMap(({ name, state }) =>
    "terminated" in state && state.terminated.exitCode !== 0
      ? [{ name, exitCode: state.terminated.exitCode }]
      : [],
  );
  const title = `${metadata.namespace}/${metadata.name}`;
  for (const [index, rule] of (podFailurePolicy?.rules ?? []).entries()) {
    const { action, onExitCodes, onPodConditions = [] } = rule;
    const { operator, values = [], containerName } = onExitCodes ?? {};
    const found = ends.find(
      ({ name, exitCode }) =>
        operator !== undefined &&
        (containerName === undefined || containerName === name) &&
        values.includes(exitCode) === (operator === "In"),
    );
    const condition = onPodConditions.find((asked) =>
      status.conditions.some((one) => one.type === asked.type && one.status === (asked.status ?? "True")),
    );
    const what =
      found !== undefined
        ? `Container ${found.name} for pod ${title} failed with exit code ${found.exitCode}`
        : condition && `Pod ${title} has condition ${condition.type}`;
    if (what === undefined) continue;
    const failsIndex = action === "FailIndex";
    return {
      counts: action === "Count" || failsIndex,
      failsJob: action === "FailJob",
      failsIndex,
      message: `${what} matching ${action} rule at index ${index}`,
    };
  }
  return { counts: true, failsJob: false, failsIndex: false, message: `pod ${metadata.name} failed` };
}
