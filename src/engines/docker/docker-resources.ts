import type { LinuxContainerResources } from "../../ground/protocol/index.ts";
import type { DockerResources } from "../../parts/dockerapi/index.ts";

/** Docker's names for limits; a zero leaves one as it is. */
export function dockerResources(resources: LinuxContainerResources | undefined): DockerResources {
  if (resources === undefined) return {};
  const { cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems } = resources;
  const { memoryLimitInBytes: memory, memorySwapLimitInBytes: swap } = resources;
  return {
    ...(cpuShares !== 0n && { CpuShares: Number(cpuShares) }),
    ...(cpuPeriod !== 0n && { CpuPeriod: Number(cpuPeriod) }),
    ...(cpuQuota !== 0n && { CpuQuota: Number(cpuQuota) }),
    ...(cpusetCpus !== "" && { CpusetCpus: cpusetCpus }),
    ...(cpusetMems !== "" && { CpusetMems: cpusetMems }),
    ...(memory !== 0n && { Memory: Number(memory) }),
    // Docker would give a container as much swap as memory: without a limit of its own it gets none.
    ...(memory !== 0n && { MemorySwap: Number(swap === 0n ? memory : swap) }),
  };
}
