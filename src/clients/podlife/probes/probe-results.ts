import type { Pod } from "../../podspec/index.ts";
import type { PodStatus } from "../status/types.ts";

/**
 * The results of containers with probes, by id; others are not included. Stored for the next worker: as with
 * a kubelet, a restart of the manager must not change a pod's status.
 */
export type ProbeResults = { readonly [ContainerId in string]?: "started" | "ready" };

/** The current results of a pod. */
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
