import type { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import type { HostFacts } from "./host-facts.ts";

/** The properties of the host that determine which limits a container can have. */
export type CgroupFacts = Pick<
  HostFacts,
  "cgroups" | "swapController" | "hugetlbController" | "minOomScoreAdj"
>;

/**
 * The effective form of requested resources: with an oom_score_adj that the daemon may set, and with the
 * default swap limit, which allows no swap beyond memory (as in CRI, the limit covers both together). Limits
 * without a controller on this host are left out: a kubelet sends one for every size of huge pages.
 */
export function resourcesInForce(
  asked: LinuxContainerResources | undefined,
  host: CgroupFacts,
): LinuxContainerResources | undefined {
  if (asked === undefined) return undefined;
  const { oomScoreAdj, memoryLimitInBytes, memorySwapLimitInBytes: swap, hugepageLimits } = asked;
  const lowest = BigInt(host.minOomScoreAdj);
  return {
    ...asked,
    oomScoreAdj: oomScoreAdj < lowest ? lowest : oomScoreAdj,
    memorySwapLimitInBytes: host.swapController ? swap || memoryLimitInBytes : 0n,
    hugepageLimits: host.hugetlbController ? hugepageLimits : [],
  };
}

/**
 * Resources after an update, in which zero or "" leaves a limit unchanged, and huge pages and cgroup files
 * are changed one by one. A new memory limit without a swap limit allows no swap, as at the creation.
 */
export function updatedResources(
  current: LinuxContainerResources,
  update: LinuxContainerResources,
): LinuxContainerResources {
  const pages = [...current.hugepageLimits, ...update.hugepageLimits];
  const keepsMemory = update.memoryLimitInBytes === 0n;
  return {
    cpuPeriod: update.cpuPeriod || current.cpuPeriod,
    cpuQuota: update.cpuQuota || current.cpuQuota,
    cpuShares: update.cpuShares || current.cpuShares,
    memoryLimitInBytes: update.memoryLimitInBytes || current.memoryLimitInBytes,
    memorySwapLimitInBytes:
      update.memorySwapLimitInBytes || (keepsMemory ? current.memorySwapLimitInBytes : 0n),
    oomScoreAdj: update.oomScoreAdj || current.oomScoreAdj,
    cpusetCpus: update.cpusetCpus || current.cpusetCpus,
    cpusetMems: update.cpusetMems || current.cpusetMems,
    hugepageLimits: [...new Map(pages.map((page) => [page.pageSize, page])).values()],
    unified: { ...current.unified, ...update.unified },
  };
}

/**
 * Values that remove the limits that `resources` does not set, for reverting an update that failed half-way.
 */
export function withoutLimits(resources: LinuxContainerResources): LinuxContainerResources {
  return {
    ...resources,
    cpuPeriod: resources.cpuPeriod || 100_000n,
    cpuQuota: resources.cpuQuota || -1n,
    cpuShares: resources.cpuShares || 1024n,
    memoryLimitInBytes: resources.memoryLimitInBytes || -1n,
    memorySwapLimitInBytes: resources.memorySwapLimitInBytes || -1n,
  };
}
