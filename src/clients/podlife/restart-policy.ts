import type { Container, PodSpec } from "../manifests/index.ts";

export type RestartPolicy = "Always" | "OnFailure" | "Never";

/** What to do with a container that has ended. */
export type AfterEnd = "stay" | "restart" | "restart-all";

/** Whether it is a sidecar: an init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

export function podPolicy({ restartPolicy = "Always" }: PodSpec): RestartPolicy {
  return restartPolicy;
}

/**
 * What to do with a container that has ended with this exit code, by its rules, then its own policy, then the
 * pod's; init containers are done once they succeed.
 */
export function afterEnd(spec: PodSpec, container: Container, exitCode: number, isInit: boolean): AfterEnd {
  for (const { action, exitCodes } of container.restartPolicyRules ?? []) {
    if (exitCodes === undefined) continue;
    const isIn = exitCodes.values?.includes(exitCode) ?? false;
    if (isIn === (exitCodes.operator === "In")) return action === "Restart" ? "restart" : "restart-all";
  }
  const policy = container.restartPolicy ?? podPolicy(spec);
  if (isInit && !isSidecar(container)) return exitCode !== 0 && policy !== "Never" ? "restart" : "stay";
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0) ? "restart" : "stay";
}
