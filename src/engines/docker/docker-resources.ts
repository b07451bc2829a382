import type { LinuxContainerResources } from "../../ground/protocol/index.ts";
import type { DockerResources } from "../../parts/dockerapi/index.ts";

/** Docker's names for limits; a zero leaves one as it is. */
export function dockerResources(resources: LinuxContainerResources | undefined): DockerResources {
  if (resources === undefined) return {};
  const { cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems } = resources;
  const { memoryLimitInBytes: memory } = resources;
  return {
    ...(cpuShares !== 0n && { CpuShares: Number(cpuShares) }),
    ...(cpuPeriod !== 0n && { CpuPeriod: Number(cpuPeriod) }),
    ...(cpuQuota !== 0n && { CpuQuota: Number(cpuQuota) }),
    ...(cpusetCpus !== "" && { CpusetCpus: cpusetCpus }),
    ...(cpusetMems !== "" && { CpusetMems: cpusetMems }),
    ...(memory !== 0n && { Memory: Number(memory) }),
    // Docker would give a container as much swap as memory: without a limit of its own it gets none.
    ...(memory !== 0n && { MemorySwap: Number(memoryAndSwap(resources)) }),
  };
}

/** Where a client limits swap by a file of cgroup v2. */
export const swapFile = "memory.swap.max";

/** Whether a value of that file says something of swap that Docker has words for. */
export function isSwapLimit(value: string): boolean {
  return value === "max" || /^\d{1,18}$/.test(value);
}

/** What both may take together; -1 is no limit. */
function memoryAndSwap({
  memoryLimitInBytes: memory,
  memorySwapLimitInBytes: both,
  unified,
}: LinuxContainerResources): bigint {
  const swap = unified[swapFile];
  if (swap !== undefined) return swap === "max" ? -1n : memory + BigInt(swap);
  return both === 0n ? memory : both;
}
