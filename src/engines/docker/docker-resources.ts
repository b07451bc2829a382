import type { LinuxContainerResources } from "../../ground/protocol/index.ts";
import type { DockerResources, NewContainer } from "../../parts/dockerapi/index.ts";

/** Translates limits to Docker's names. A zero leaves a limit unchanged. */
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
    // By default, Docker lets a container use as much swap as memory. Without a requested swap limit, it gets
    // no swap.
    ...(memory !== 0n && { MemorySwap: Number(memoryAndSwap(resources)) }),
  };
}

/** The file of cgroup v2 with which clients limit swap, in `unified`. */
export const swapFile = "memory.swap.max";

/** Whether a value of that file is a swap limit that Docker's API can express. */
export function isSwapLimit(value: string): boolean {
  return value === "max" || /^\d{1,18}$/.test(value);
}

/** The limit of memory and swap together, in bytes; -1 is no limit. */
function memoryAndSwap({
  memoryLimitInBytes: memory,
  memorySwapLimitInBytes: both,
  unified,
}: LinuxContainerResources): bigint {
  const swap = unified[swapFile];
  if (swap !== undefined) return swap === "max" ? -1n : memory + BigInt(swap);
  return both === 0n ? memory : both;
}

/** The limits that berth's configuration gives every container. */
export type ProcessLimits = {
  /**
   * By the names of setrlimit(2); `Infinity` is no limit. The engine's defaults apply to types that are not
   * listed.
   */
  readonly defaultUlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  /** Maximum number of processes and threads; 0 is the engine's default. */
  readonly pidsLimit: number;
};

export function processLimits({
  defaultUlimits,
  pidsLimit,
}: ProcessLimits): Pick<NewContainer["HostConfig"], "Ulimits" | "PidsLimit"> {
  const limit = (value: number) => (Number.isFinite(value) ? value : -1);
  const ulimits = defaultUlimits.map(({ type, soft, hard }) => ({
    Name: type.replace("RLIMIT_", "").toLowerCase(),
    Soft: limit(soft),
    Hard: limit(hard),
  }));
  return { ...(ulimits.length > 0 && { Ulimits: ulimits }), ...(pidsLimit > 0 && { PidsLimit: pidsLimit }) };
}
