import { binaryQuantity } from "../../../ground/quantity/index.ts";
import { type Amounts, containerRequests, podRequests } from "../../podspec/index.ts";
import type { StoredPod } from "../objects.ts";

export type PressedResource = "memory" | "ephemeral-storage" | "inodes";

/** What a pod takes of a resource, in bytes or inodes, altogether and by its containers' names. */
export type PodUsage = {
  readonly pod: StoredPod;
  readonly amount: number;
  readonly containers: ReadonlyMap<string, number>;
};

/** Kubernetes' own pods, which are not evicted: `system-cluster-critical` and above. */
const criticalPriority = 2_000_000_000;

/**
 * Whom to evict first (pkg/kubelet/eviction, rankMemoryPressure and rankDiskPressureFunc): who takes more
 * than it has asked for, then who has the least priority, then who takes most beyond what it has asked for.
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

/** Which containers of a pod take more than they have asked for, in a kubelet's words. */
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
