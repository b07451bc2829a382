import type { CgroupUsage } from "../../../engines/engine/index.ts";
import {
  type ContainerGroup,
  type ContainerSubject,
  type Family,
  type Figure,
  one,
  secondsOfNs,
  value,
} from "./family.ts";

type Cpu = NonNullable<CgroupUsage["cpu"]>;
type Memory = NonNullable<CgroupUsage["memory"]>;
type CpuDetails = NonNullable<Cpu["details"]>;
type MemoryDetails = NonNullable<Memory["details"]>;

const memory = ({ stats }: ContainerSubject) => stats.usage?.memory;

function ofCpu(
  name: string,
  help: string,
  figure: (details: CpuDetails) => Figure,
): Family<ContainerSubject> {
  return one(name, "counter", help, ({ stats }) => {
    const details = stats.usage?.cpu?.details;
    return details && figure(details);
  });
}

function ofMemory(name: string, help: string, figure: (memory: Memory) => bigint | undefined) {
  return one<ContainerSubject>(name, "gauge", help, (subject) => {
    const found = memory(subject);
    return found && figure(found);
  });
}

function ofMemoryDetails(
  name: string,
  help: string,
  figure: (details: MemoryDetails) => bigint | undefined,
  type: "counter" | "gauge" = "gauge",
) {
  return one<ContainerSubject>(name, type, help, (subject) => {
    const details = memory(subject)?.details;
    return details && figure(details);
  });
}

export const cpuGroup: ContainerGroup = {
  group: "cpu",
  parts: ["cpu", "cpuDetails"],
  families: [
    {
      name: "container_cpu_usage_seconds_total",
      type: "counter",
      help: "CPU time used, in seconds.",
      labels: ["cpu"],
      values: ({ stats }) => value(["total"], secondsOfNs(stats.usage?.cpu?.totalNs)),
    },
    ofCpu("container_cpu_user_seconds_total", "CPU time used in user mode, in seconds.", ({ userNs }) =>
      secondsOfNs(userNs),
    ),
    ofCpu("container_cpu_system_seconds_total", "CPU time used in the kernel, in seconds.", ({ systemNs }) =>
      secondsOfNs(systemNs),
    ),
    ofCpu(
      "container_cpu_cfs_periods_total",
      "Periods in which the CPU quota was enforced.",
      ({ periods }) => periods,
    ),
    ofCpu(
      "container_cpu_cfs_throttled_periods_total",
      "Periods in which the container had used up its CPU quota.",
      ({ throttledPeriods }) => throttledPeriods,
    ),
    ofCpu(
      "container_cpu_cfs_throttled_seconds_total",
      "Time for which the container was throttled, in seconds.",
      ({ throttledNs }) => secondsOfNs(throttledNs),
    ),
  ],
};

export const memoryGroup: ContainerGroup = {
  group: "memory",
  parts: ["memory", "memoryDetails"],
  families: [
    ofMemory("container_memory_usage_bytes", "Memory in use, page cache included.", (m) => m.usageBytes),
    ofMemory(
      "container_memory_working_set_bytes",
      "Memory in use, without file pages that were not used recently.",
      (m) => m.workingSetBytes,
    ),
    ofMemory("container_memory_rss", "Anonymous memory, in bytes.", (m) => m.rssBytes),
    ofMemory("container_memory_swap", "Swap in use, in bytes.", (m) => m.swap?.usageBytes ?? 0n),
    ofMemoryDetails("container_memory_cache", "Page cache, in bytes.", (d) => d.cacheBytes),
    ofMemoryDetails("container_memory_mapped_file", "Mapped files, in bytes.", (d) => d.mappedFileBytes),
    ofMemoryDetails(
      "container_memory_total_active_file_bytes",
      "File pages that were used recently.",
      (d) => d.activeFileBytes,
    ),
    ofMemoryDetails(
      "container_memory_total_inactive_file_bytes",
      "File pages that were not used recently.",
      (d) => d.inactiveFileBytes,
    ),
    ofMemoryDetails("container_memory_kernel_usage", "The kernel's memory, in bytes.", (d) => d.kernelBytes),
    ofMemoryDetails(
      "container_memory_max_usage_bytes",
      "The most memory ever in use.",
      (d) => d.maxUsageBytes,
    ),
    ofMemoryDetails(
      "container_memory_failcnt",
      "How often the memory limit was hit.",
      (d) => d.limitHits,
      "counter",
    ),
    {
      name: "container_memory_failures_total",
      type: "counter",
      help: "Page faults, minor and major, of the container's own cgroup and with those below it.",
      labels: ["failure_type", "scope"],
      values: (subject) => memoryFailures(memory(subject)),
    },
  ],
};

function memoryFailures(found: Memory | undefined) {
  if (found?.details === undefined) return [];
  return [
    ...value(["pgfault", "container"], found.details.ownPageFaults),
    ...value(["pgfault", "hierarchy"], found.pageFaults),
    ...value(["pgmajfault", "container"], found.details.ownMajorPageFaults),
    ...value(["pgmajfault", "hierarchy"], found.majorPageFaults),
  ];
}

export const oomGroup: ContainerGroup = {
  group: "oom",
  parts: ["memory", "memoryDetails"],
  families: [
    ofMemoryDetails(
      "container_oom_events_total",
      "Processes that the kernel killed because memory ran out.",
      (d) => d.oomKills,
      "counter",
    ),
  ],
};
