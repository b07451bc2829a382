import { writtenTime } from "../../podlife/index.ts";
import { boundsOf } from "./deployment-bounds.ts";
import {
  condition,
  type DeploymentCounts,
  type DeploymentStatus,
  toldStatus,
} from "./deployment-conditions.ts";
import { progressing } from "./deployment-progress.ts";
import { revisionOf } from "./deployment-revisions.ts";
import { availableIn, type Deployment, type ReplicaSet, sizeOfAll } from "./deployment-sets.ts";
import { hasEnded, isReady, podsOf } from "./pods-of.ts";
import type { World } from "./world.ts";

export function deploymentStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  world: World,
): DeploymentStatus {
  const { spec } = deployment.manifest;
  const { replicas = 1, minReadySeconds = 0 } = spec;
  const activeOf = (set: ReplicaSet) =>
    podsOf(set, world).filter((pod) => pod.deleting === undefined && !hasEnded(pod, world));
  const pods = sets.flatMap(activeOf);
  const available = sets.reduce((sum, set) => sum + availableIn(set, minReadySeconds, world), 0);
  const counts: DeploymentCounts = {
    replicas: pods.length,
    updatedReplicas: current === undefined ? 0 : activeOf(current).length,
    readyReplicas: pods.filter((pod) => isReady(pod, world)).length,
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sizeOfAll(sets) - available),
  };
  const before = toldStatus(deployment)?.conditions ?? [];
  const progress = progressing(deployment, counts, current, world);
  const now = writtenTime(world.nowNs());
  const isEnough = available >= replicas - boundsOf(spec).unavailable;
  const isAvailable = condition(before, now, {
    type: "Available",
    status: isEnough ? "True" : "False",
    reason: isEnough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
    message: `Deployment ${isEnough ? "has" : "does not have"} minimum availability.`,
  });
  return {
    ...counts,
    observedGeneration: deployment.generation,
    conditions: [isAvailable, ...(progress === undefined ? [] : [progress])],
    ...(current === undefined ? {} : { revision: revisionOf(current) }),
  };
}
