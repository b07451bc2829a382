import type { Deployment } from "./deployment-sets.ts";

export type DeploymentCondition = {
  readonly type: "Available" | "Progressing";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly lastUpdateTime: string;
  readonly lastTransitionTime: string;
};

/** The numbers of pods of all sets of a deployment. */
export type DeploymentCounts = {
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
};

export type DeploymentStatus = DeploymentCounts & {
  readonly observedGeneration: number;
  readonly conditions: readonly DeploymentCondition[];
  /** How many names of replica sets were those of others. */
  readonly collisionCount?: number;
  /** Revision of the current set; in Kubernetes, an annotation. */
  readonly revision?: number;
};

/** The stored status; undefined before the first one. */
export function toldStatus({ status }: Deployment): DeploymentStatus | undefined {
  return status as DeploymentStatus | undefined;
}

/** Creates a condition; an unchanged one keeps its times. */
export function condition(
  before: readonly DeploymentCondition[],
  now: string,
  told: Pick<DeploymentCondition, "type" | "status" | "reason" | "message">,
): DeploymentCondition {
  const last = before.find(({ type }) => type === told.type);
  if (last?.status === told.status && last.reason === told.reason) return last;
  const lastTransitionTime = last?.status === told.status ? last.lastTransitionTime : now;
  return { ...told, lastUpdateTime: now, lastTransitionTime };
}
