/** Parts of a cgroup's figures to read. Each takes a few files. */
export type UsagePart =
  /** CpuUsage without its details. */
  | "cpu"
  | "cpuDetails"
  /** MemoryUsage without its details. */
  | "memory"
  | "memoryDetails"
  /** Pressure on CPU, memory and block devices, if the kernel has it. */
  | "pressure"
  | "devices"
  | "tasks"
  | "hugepages"
  /** CPU shares and quota, memory reservation. */
  | "limits"
  /** Open files of its processes; inspects every process of the cgroup. */
  | "processes"
  /** States of its threads; inspects every thread of the cgroup. */
  | "taskStates"
  /** All figures, as the kernel writes them. */
  | "files";

/**
 * Resource usage of a cgroup and its descendants. A part that was not requested, or that the kernel does not
 * account, is undefined, never 0. Sizes are in bytes, times in nanoseconds.
 */
export type CgroupUsage = {
  /** Since the epoch. */
  readonly atNs: bigint;
  /** The same time on the monotonic clock, for rates. */
  readonly monotonicNs: bigint;
  readonly cpu: CpuUsage | undefined;
  readonly memory: MemoryUsage | undefined;
  readonly pressure: Pressures | undefined;
  readonly devices: readonly DeviceUsage[] | undefined;
  readonly tasks: TaskUsage | undefined;
  readonly hugepages: readonly HugepageUsage[] | undefined;
  readonly limits: CpuLimits | undefined;
  readonly processes: ProcessUsage | undefined;
  readonly taskStates: TaskStates | undefined;
  readonly files: CgroupFiles | undefined;
};

/** A cgroup's files as the kernel writes them, for callers that present the figures in another form. */
export type CgroupFiles = {
  /** On a machine with both, the one that has the controllers. */
  readonly version: 1 | 2;
  /** By name, such as "memory.stat"; missing files are left out. */
  readonly texts: ReadonlyMap<string, string>;
};

export type CpuUsage = {
  /** Of all CPUs together. */
  readonly totalNs: bigint;
  readonly details: CpuDetails | undefined;
};

type CpuDetails = {
  readonly userNs: bigint;
  readonly systemNs: bigint;
  /** CFS bandwidth control: elapsed periods, periods with throttling, and total time throttled. */
  readonly periods: bigint;
  readonly throttledPeriods: bigint;
  readonly throttledNs: bigint;
};

export type MemoryUsage = {
  readonly usageBytes: bigint;
  /** Usage without inactive file pages, which the kernel reclaims first; as in cAdvisor. */
  readonly workingSetBytes: bigint;
  /** Undefined where there is none. */
  readonly limitBytes: bigint | undefined;
  /** Anonymous memory, as in cAdvisor. */
  readonly rssBytes: bigint;
  readonly pageFaults: bigint;
  readonly majorPageFaults: bigint;
  /** Undefined if the kernel does not account swap. */
  readonly swap: SwapUsage | undefined;
  readonly details: MemoryDetails | undefined;
};

/** Swap alone, without memory, which version 1 adds to it. */
type SwapUsage = { readonly usageBytes: bigint; readonly limitBytes: bigint | undefined };

type MemoryDetails = {
  readonly cacheBytes: bigint;
  readonly mappedFileBytes: bigint;
  readonly activeFileBytes: bigint;
  readonly inactiveFileBytes: bigint;
  readonly kernelBytes: bigint;
  /** Undefined before Linux 5.19 with version 2. */
  readonly maxUsageBytes: bigint | undefined;
  /** How often its limit was hit. */
  readonly limitHits: bigint;
  readonly oomKills: bigint;
  /** The cgroup's own, without its descendants. */
  readonly ownPageFaults: bigint;
  readonly ownMajorPageFaults: bigint;
  /**
   * Memory reserved for it when memory runs short: the soft limit of version 1, memory.min of version 2; 0 is
   * none.
   */
  readonly reservationBytes: bigint;
};

/** Pressure stall information (https://docs.kernel.org/accounting/psi.html). */
export type Pressure = { readonly some: PressureLine; readonly full: PressureLine };
/** Shares of the last 10, 60 and 300 seconds in percent; the total in microseconds. */
export type PressureLine = {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUs: bigint;
};
export type Pressures = {
  readonly cpu: Pressure | undefined;
  readonly memory: Pressure | undefined;
  readonly io: Pressure | undefined;
};

/** Of one block device. */
export type DeviceUsage = {
  readonly major: number;
  readonly minor: number;
  /** Such as "/dev/vda"; "" if it has no name. */
  readonly name: string;
  readonly readBytes: bigint;
  readonly writtenBytes: bigint;
  readonly reads: bigint;
  readonly writes: bigint;
};

/** Tasks are what the pids controller counts: threads. */
type TaskUsage = { readonly count: bigint; readonly limit: bigint | undefined };

export type HugepageUsage = {
  /** As the controller writes it: "2MB". */
  readonly pageSize: string;
  readonly usageBytes: bigint;
  /** Undefined with version 2, which does not record it. */
  readonly maxUsageBytes: bigint | undefined;
};

type CpuLimits = {
  /** On version 1's scale, which CRI uses (1024 is the default weight). */
  readonly cpuShares: bigint;
  readonly cpuPeriodUs: bigint;
  /** Undefined where there is none. */
  readonly cpuQuotaUs: bigint | undefined;
};

export type ProcessUsage = {
  readonly count: number;
  readonly fileDescriptors: number;
  /** Undefined if there are too many descriptors to inspect. */
  readonly sockets: number | undefined;
  /** Soft limit on open files of the first process; undefined if there is none. */
  readonly maxOpenFiles: bigint | undefined;
};

/**
 * Number of threads in each state, as cAdvisor names them; the kernel does not report which threads wait for
 * I/O.
 */
export type TaskStates = {
  readonly running: number;
  readonly sleeping: number;
  readonly stopped: number;
  readonly uninterruptible: number;
};
