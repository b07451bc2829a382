import type { Deployment } from "./deployment-sets.ts";

export type DeploymentCondition = {
  readonly type: "Available" | "Progressing";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly lastUpdateTime: string;
  readonly lastTransitionTime: string;
};

/** How many pods a deployment has, of its sets together. */
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
  /** Of the current set; Kubernetes has it in an annotation. */
  readonly revision?: number;
};

/** Undefined before the first one was told. */
export function toldStatus({ status }: Deployment): DeploymentStatus | undefined {
  return status as DeploymentStatus | undefined;
}

/** One that says the same keeps its times. */
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
