import type { LinuxContainerResources } from "../../protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { HostFacts } from "./host-facts.ts";
import type { ResolvedDevice } from "./input.ts";
import type { OciCpu, OciDeviceRule, OciMemory, OciResources } from "./types.ts";

type Resources = LinuxContainerResources | undefined;

/** Limits of cgroups, and which devices may be used: all of them, or those given. A zero or an empty text in CRI means that nothing was asked for. */
export function containerResources(
  resources: Resources,
  devices: readonly ResolvedDevice[],
  allDevices: boolean,
  host: HostFacts,
): OciResources {
  const rules = deviceRules(devices, allDevices);
  if (resources === undefined) return { devices: rules };
  const { unified, hugepageLimits } = resources;
  if (Object.keys(unified).length > 0 && host.cgroups !== "v2") {
    throw new RuntimeError(
      "FailedPrecondition",
      "resources.unified needs cgroup v2, and this host has cgroup v1",
    );
  }
  return {
    devices: rules,
    cpu: cpuLimits(resources),
    memory: memoryLimits(resources, host),
    // A kubelet sends zeros for every page size; where there is no controller nobody can use such pages anyway.
    ...(host.hugetlbController && {
      hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({
        pageSize,
        limit: exact(limit, "hugepage_limits.limit"),
      })),
    }),
    ...(host.cgroups === "v2" && { unified }),
  };
}

/**
 * The score as asked for, but no lower than the daemon may set: without CAP_SYS_RESOURCE the OCI runtime would fail.
 * Undefined leaves it at 0.
 */
export function oomScoreAdj(
  resources: Resources,
  host: Pick<HostFacts, "minOomScoreAdj">,
): number | undefined {
  if (resources === undefined) return undefined;
  return Math.max(exact(resources.oomScoreAdj, "oom_score_adj"), host.minOomScoreAdj);
}

function cpuLimits({
  cpuPeriod,
  cpuQuota,
  cpuShares,
  cpusetCpus,
  cpusetMems,
}: LinuxContainerResources): OciCpu {
  return {
    ...(cpuPeriod !== 0n && { period: exact(cpuPeriod, "cpu_period") }),
    ...(cpuQuota !== 0n && { quota: exact(cpuQuota, "cpu_quota") }),
    ...(cpuShares !== 0n && { shares: exact(cpuShares, "cpu_shares") }),
    ...(cpusetCpus !== "" && { cpus: cpusetCpus }),
    ...(cpusetMems !== "" && { mems: cpusetMems }),
  };
}

/** Without a limit on swap of its own a container gets none: memory and swap together are as much as the memory. */
function memoryLimits(
  { memoryLimitInBytes, memorySwapLimitInBytes }: LinuxContainerResources,
  { swapController }: HostFacts,
): OciMemory {
  const swap = memorySwapLimitInBytes === 0n ? memoryLimitInBytes : memorySwapLimitInBytes;
  return {
    ...(memoryLimitInBytes !== 0n && { limit: exact(memoryLimitInBytes, "memory_limit_in_bytes") }),
    ...(swap !== 0n && swapController && { swap: exact(swap, "memory_swap_limit_in_bytes") }),
  };
}

/** None but those that were given; the OCI runtime adds /dev/null and its like by itself. */
function deviceRules(devices: readonly ResolvedDevice[], all: boolean): readonly OciDeviceRule[] {
  if (all) return [{ allow: true, access: "rwm" }];
  const none: OciDeviceRule = { allow: false, access: "rwm" };
  const given = devices.map(({ device: { type, major, minor }, access }) => ({
    allow: true,
    type,
    major,
    minor,
    access,
  }));
  return [none, ...given];
}

/** The spec is JSON, whose numbers are exact up to 2^53. */
function exact(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RuntimeError("InvalidArgument", `resources.${field}: ${value} is out of range`);
}
