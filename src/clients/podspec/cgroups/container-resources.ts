import { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import type { Container, PodSpec } from "../../manifests/index.ts";
import { cpuPeriodUs, cpuQuotaUs, cpuShares } from "./limits.ts";
import type { MachineMemory } from "./machine-memory.ts";
import { oomScoreAdjustment } from "./oom-score.ts";
import { hugePages, pageSizeName } from "./pod-limits.ts";
import { containerLimits, containerRequests } from "./pod-requests.ts";

/**
 * The limits and requests of a container, in the kernel's units, as a kubelet sets them: no swap, and no huge
 * pages of sizes that it does not request.
 */
export function containerResources(
  spec: PodSpec,
  container: Container,
  machine: MachineMemory,
): LinuxContainerResources {
  const limits = containerLimits(container);
  const { cpu = 0, memory = 0 } = limits;
  const memoryBytes = BigInt(Math.floor(memory));
  const pages = new Map([...machine.hugePageSizes.map((size) => [size, 0] as const), ...hugePages(limits)]);
  return LinuxContainerResources.fromPartial({
    cpuShares: BigInt(cpuShares(containerRequests(container).cpu ?? 0)),
    ...(cpu === 0 ? {} : { cpuPeriod: BigInt(cpuPeriodUs), cpuQuota: BigInt(cpuQuotaUs(cpu)) }),
    memoryLimitInBytes: memoryBytes,
    ...(machine.swap === "together" ? { memorySwapLimitInBytes: memoryBytes } : {}),
    ...(machine.swap === "alone" ? { unified: { "memory.swap.max": "0" } } : {}),
    oomScoreAdj: BigInt(oomScoreAdjustment(spec, container, machine.bytes)),
    hugepageLimits: [...pages].map(([size, bytes]) => ({
      pageSize: pageSizeName(size),
      limit: BigInt(bytes),
    })),
  });
}
