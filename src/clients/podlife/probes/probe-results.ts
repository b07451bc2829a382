import type { Pod } from "../../podspec/index.ts";
import type { PodStatus } from "../status/types.ts";

/**
 * What containers with probes have come to, by their ids; others are not in it. Kept for the next worker: as
 * with a kubelet, nothing of a pod's status changes because who looks after it was started anew.
 */
export type ProbeResults = { readonly [ContainerId in string]?: "started" | "ready" };

/** Those of a pod now. */
export function probeResults(
  { containers, initContainers = [] }: Pod["spec"],
  { containerStatuses, initContainerStatuses }: PodStatus,
): ProbeResults {
  const probed = new Set(
    [...initContainers, ...containers]
      .filter(
        ({ startupProbe, readinessProbe }) => startupProbe !== undefined || readinessProbe !== undefined,
      )
      .map(({ name }) => name),
  );
  const results: Record<string, "started" | "ready"> = {};
  for (const { name, started, ready, containerID } of [...initContainerStatuses, ...containerStatuses])
    if (probed.has(name) && started && containerID !== undefined)
      results[containerID.replace(/^.*:\/\//, "")] = ready ? "ready" : "started";
  return results;
}
