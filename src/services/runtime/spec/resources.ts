import { cpuWeightOf } from "../../../ground/linux/index.ts";
import type { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { HostFacts } from "./host-facts.ts";
import type { ResolvedDevice } from "./resolved-device.ts";
import { type CgroupFacts, resourcesInForce } from "./resources-in-force.ts";
import type { OciCpu, OciDeviceRule, OciLimits, OciMemory, OciResources } from "./types.ts";

type Resources = LinuxContainerResources | undefined;

/**
 * The cgroup limits, and the allowed devices: all of them, or those given. In CRI, zero or "" means that
 * nothing was requested.
 */
export function containerResources(
  resources: Resources,
  devices: readonly ResolvedDevice[],
  allDevices: boolean,
  host: HostFacts,
): OciResources {
  const limits = cgroupLimits(resources, host);
  return { devices: deviceRules(devices, allDevices), ...limits, ...withoutEndlessQuota(limits) };
}

/** A new cgroup has no quota, and crun 1.8 cannot write that with cgroup v1. */
function withoutEndlessQuota({ cpu: { quota, ...cpu } = {} }: OciLimits): Pick<OciLimits, "cpu"> {
  return { cpu: quota === undefined || quota < 0 ? cpu : { ...cpu, quota } };
}

/**
 * A container's limits in the OCI runtime's form, for its creation and for `update`. Throws RuntimeError:
 * InvalidArgument for contradictory limits, FailedPrecondition for limits that this host's cgroups do not
 * support.
 */
export function cgroupLimits(asked: Resources, host: CgroupFacts): OciLimits {
  const resources = resourcesInForce(asked, host);
  if (resources === undefined) return {};
  const { unified, hugepageLimits, cpuShares } = resources;
  const v2 = host.cgroups === "v2";
  if (Object.keys(unified).length > 0 && !v2) {
    throw new RuntimeError(
      "FailedPrecondition",
      "resources.unified needs cgroup v2, and this host has cgroup v1",
    );
  }
  return {
    cpu: {
      ...cpuLimits(resources),
      ...(!v2 && cpuShares !== 0n && { shares: exact(cpuShares, "cpu_shares") }),
    },
    memory: memoryLimits(resources),
    ...(host.hugetlbController && {
      hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({
        pageSize,
        limit: exact(limit, "hugepage_limits.limit"),
      })),
    }),
    ...(v2 && { unified: { ...weight(cpuShares), ...unified } }),
  };
}

/** The weight itself, since OCI runtimes convert the same shares to different weights. */
function weight(cpuShares: bigint): Readonly<Record<string, string>> {
  return cpuShares === 0n ? {} : { "cpu.weight": String(cpuWeightOf(Number(cpuShares))) };
}

/**
 * The requested score, but no lower than the daemon may set: without CAP_SYS_RESOURCE, the OCI runtime would
 * fail. Always set: otherwise, a process would inherit the daemon's score, which protects it from the OOM
 * killer.
 */
export function oomScoreAdj(resources: Resources, host: Pick<HostFacts, "minOomScoreAdj">): number {
  return Math.max(Number(resources?.oomScoreAdj ?? 0n), host.minOomScoreAdj);
}

function cpuLimits({ cpuPeriod, cpuQuota, cpusetCpus, cpusetMems }: LinuxContainerResources): OciCpu {
  return {
    ...(cpuPeriod !== 0n && { period: exact(cpuPeriod, "cpu_period") }),
    ...(cpuQuota !== 0n && { quota: cpuQuota < 0n ? -1 : exact(cpuQuota, "cpu_quota") }),
    ...(cpusetCpus !== "" && { cpus: cpusetCpus }),
    ...(cpusetMems !== "" && { mems: cpusetMems }),
  };
}

function memoryLimits({
  memoryLimitInBytes: limit,
  memorySwapLimitInBytes: swap,
}: LinuxContainerResources): OciMemory {
  if (swap > 0n && (limit <= 0n || swap < limit)) {
    throw new RuntimeError(
      "InvalidArgument",
      `resources.memory_swap_limit_in_bytes: ${swap} is the limit of memory and swap together; it needs a memory_limit_in_bytes that does not exceed it`,
    );
  }
  return {
    ...(limit !== 0n && { limit: exact(limit, "memory_limit_in_bytes") }),
    ...(swap !== 0n && { swap: exact(swap, "memory_swap_limit_in_bytes") }),
  };
}

/** Only the given devices, if not all; the OCI runtime itself adds /dev/null and similar ones. */
function deviceRules(devices: readonly ResolvedDevice[], all: boolean): readonly OciDeviceRule[] {
  if (all) return [{ allow: true, access: "rwm" }];
  const none: OciDeviceRule = { allow: false, access: "rwm" };
  return [none, ...devices.flatMap(deviceRule)];
}

/** None for a FIFO: the kernel does not check access to one. */
export function deviceRule({ device, access }: ResolvedDevice): readonly OciDeviceRule[] {
  const { type, major, minor } = device;
  return type === "p" || access === "" ? [] : [{ allow: true, type, major, minor, access }];
}

/** The spec is JSON, whose numbers are exact up to 2^53. */
function exact(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RuntimeError("InvalidArgument", `resources.${field}: ${value} is out of range`);
}
