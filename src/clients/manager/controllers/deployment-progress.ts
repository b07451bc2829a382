import { writtenTime } from "../../podlife/index.ts";
import {
  condition,
  type DeploymentCondition,
  type DeploymentCounts,
  toldStatus,
} from "./deployment-conditions.ts";
import { revisionOf } from "./deployment-revisions.ts";
import type { Deployment, ReplicaSet } from "./deployment-sets.ts";
import type { World } from "./world.ts";

/** The deadline that means none. */
const endless = 2 ** 31 - 1;

/**
 * The condition Progressing: whether a rollout continues, is complete, or has not progressed for longer than
 * its deadline (Kubernetes' pkg/controller/deployment/progress.go). Undefined without a deadline.
 */
export function progressing(
  deployment: Deployment,
  counts: DeploymentCounts,
  current: ReplicaSet | undefined,
  world: World,
): DeploymentCondition | undefined {
  const { metadata, spec } = deployment.manifest;
  const { progressDeadlineSeconds = 600, paused = false, replicas = 1 } = spec;
  if (progressDeadlineSeconds === endless) return undefined;
  const told = toldStatus(deployment);
  const before = told?.conditions ?? [];
  const last = before.find(({ type }) => type === "Progressing");
  const now = writtenTime(world.nowNs());
  const tell = (status: DeploymentCondition["status"], reason: string, message: string) =>
    condition(before, now, { type: "Progressing", status, reason, message });
  const isTimedOut = last?.reason === "ProgressDeadlineExceeded";
  if (paused) return isTimedOut ? last : tell("Unknown", "DeploymentPaused", "Deployment is paused");
  if (last?.reason === "DeploymentPaused")
    return tell("Unknown", "DeploymentResumed", "Deployment is resumed");
  const what =
    current === undefined
      ? `Deployment "${metadata.name}"`
      : `ReplicaSet "${current.manifest.metadata.name}"`;
  if (current !== undefined && told?.revision !== revisionOf(current)) {
    const [reason, word] =
      current.generation === 1 ? ["NewReplicaSetCreated", "Created"] : ["FoundNewReplicaSet", "Found"];
    return tell("True", reason, `${word} new replica set "${current.manifest.metadata.name}"`);
  }
  const isUpdated = counts.replicas === counts.updatedReplicas;
  if (isUpdated && current !== undefined && last?.reason === "NewReplicaSetAvailable") return last;
  const isComplete =
    current !== undefined &&
    [counts.replicas, counts.updatedReplicas, counts.availableReplicas].every((one) => one === replicas);
  if (isComplete) return tell("True", "NewReplicaSetAvailable", `${what} has successfully progressed.`);
  if (last === undefined || hasProgressed(counts, told)) {
    const moved = tell("True", "ReplicaSetUpdated", `${what} is progressing.`);
    return { ...moved, lastUpdateTime: now };
  }
  if (isTimedOut || last.reason === "NewReplicaSetAvailable") return last;
  const leftMs = Date.parse(last.lastUpdateTime) + progressDeadlineSeconds * 1000 - Date.parse(now);
  if (leftMs < 0) return tell("False", "ProgressDeadlineExceeded", `${what} has timed out progressing.`);
  world.lookAgainAfter(leftMs + 1000);
  return last;
}

function hasProgressed(now: DeploymentCounts, before: DeploymentCounts | undefined): boolean {
  if (before === undefined) return true;
  return (
    now.updatedReplicas > before.updatedReplicas ||
    now.replicas - now.updatedReplicas < before.replicas - before.updatedReplicas ||
    now.readyReplicas > before.readyReplicas ||
    now.availableReplicas > before.availableReplicas
  );
}
