import type { ManifestOf } from "../../manifests/index.ts";
import type { PodStatus } from "../../podlife/index.ts";
import type { StoredPod } from "../objects.ts";

/** What a pod that has failed means for its job. */
export type PodFailure = {
  /** Towards the limit. */
  readonly counts: boolean;
  readonly failsJob: boolean;
  readonly message: string;
};

/**
 * By the first rule of the job's policy that fits; else it counts
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy). Undefined for a pod that
 * has not failed.
 */
export function failureOf(
  { podFailurePolicy }: ManifestOf<"Job">["spec"],
  { manifest: { metadata } }: StoredPod,
  status: PodStatus | undefined,
): PodFailure | undefined {
  if (status?.phase !== "Failed") return undefined;
  const ends = [...status.initContainerStatuses, ...status.containerStatuses].flatMap(({ name, state }) =>
    "terminated" in state && state.terminated.exitCode !== 0
      ? [{ name, exitCode: state.terminated.exitCode }]
      : [],
  );
  for (const { action, onExitCodes } of podFailurePolicy?.rules ?? []) {
    if (onExitCodes === undefined) continue;
    const { operator, values, containerName } = onExitCodes;
    const found = ends.find(
      ({ name, exitCode }) =>
        (containerName === undefined || containerName === name) &&
        values.includes(exitCode) === (operator === "In"),
    );
    if (found === undefined) continue;
    const message = `container ${found.name} of pod ${metadata.name} failed with exit code ${found.exitCode}`;
    return { counts: action === "Count", failsJob: action === "FailJob", message };
  }
  return { counts: true, failsJob: false, message: `pod ${metadata.name} failed` };
}
