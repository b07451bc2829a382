import { binaryQuantity } from "../../../ground/quantity/index.ts";
import { type Amounts, containerRequests, podRequests } from "../../podspec/index.ts";
import type { StoredPod } from "../objects.ts";

export type PressedResource = "memory" | "ephemeral-storage" | "inodes";

/** A pod's usage of a resource, in bytes or inodes, in total and by container name. */
export type PodUsage = {
  readonly pod: StoredPod;
  readonly amount: number;
  readonly containers: ReadonlyMap<string, number>;
};

/** Kubernetes' own pods, which are not evicted: `system-cluster-critical` and above. */
const criticalPriority = 2_000_000_000;

/**
 * Sorts pods by which to evict first (pkg/kubelet/eviction, rankMemoryPressure and rankDiskPressureFunc):
 * those that exceed their request, then those with the lowest priority, then those that exceed their request
 * the most.
 */
export function rankForEviction(usages: readonly PodUsage[], resource: PressedResource): readonly PodUsage[] {
  const priority = ({ pod }: PodUsage) => pod.manifest.spec.priority ?? 0;
  const excess = ({ pod, amount }: PodUsage) => amount - requested(podRequests(pod.manifest.spec), resource);
  const exceeds = (usage: PodUsage) => (excess(usage) > 0 ? 0 : 1);
  return usages
    .filter((usage) => priority(usage) < criticalPriority)
    .toSorted(
      (one, other) =>
        exceeds(one) - exceeds(other) || priority(one) - priority(other) || excess(other) - excess(one),
    );
}

/** A kubelet's message about which containers of a pod exceed their requests. */
export function consumers({ pod, containers }: PodUsage, resource: PressedResource): string {
  const { spec } = pod.manifest;
  return [...(spec.initContainers ?? []), ...spec.containers]
    .map((container) => {
      const used = containers.get(container.name) ?? 0;
      const request = requested(containerRequests(container), resource);
      if (used <= request || resource === "inodes") return "";
      return `Container ${container.name} was using ${binaryQuantity(used)}, request is ${binaryQuantity(request)}, has larger consumption of ${resource}. `;
    })
    .join("");
}

function requested(amounts: Amounts, resource: string): number {
  return amounts[resource] ?? 0;
}
