/** What of a cgroup is to be read. Each costs a few files. */
export type UsagePart =
  /** CpuUsage without its details. */
  | "cpu"
  | "cpuDetails"
  /** MemoryUsage without its details. */
  | "memory"
  | "memoryDetails"
  /** Of CPU, memory and block devices, where the kernel has it. */
  | "pressure"
  | "devices"
  | "tasks"
  | "hugepages"
  /** CPU shares and quota, memory reservation. */
  | "limits"
  /** What its processes have open; looks at every process of the cgroup. */
  | "processes"
  /** In which states its threads are; looks at every thread of the cgroup. */
  | "taskStates"
  /** All figures, as the kernel writes them. */
  | "files";

/**
 * What a cgroup and all below it use. A part that was not asked for, or that the kernel does not account, is
 * undefined: never a zero that could be taken for a figure. Sizes are bytes, times nanoseconds.
 */
export type CgroupUsage = {
  /** Since 1970. */
  readonly atNs: bigint;
  /** The same moment on the clock that never jumps, for rates. */
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

/** What the kernel writes of a cgroup, for whoever shows its figures in words of his own. */
export type CgroupFiles = {
  /** Of a machine with both, the one that has the controllers. */
  readonly version: 1 | 2;
  /** By name, such as "memory.stat"; what the kernel does not have is left out. */
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
  /**
   * Of CFS bandwidth control: enforcement periods that have passed, those in which it was throttled, for how
   * long in all.
   */
  readonly periods: bigint;
  readonly throttledPeriods: bigint;
  readonly throttledNs: bigint;
};

export type MemoryUsage = {
  readonly usageBytes: bigint;
  /**
   * Usage without the file pages that have not been used lately, which the kernel takes back first; as
   * cAdvisor has it.
   */
  readonly workingSetBytes: bigint;
  /** Undefined where there is none. */
  readonly limitBytes: bigint | undefined;
  /** Anonymous memory, as cAdvisor has it. */
  readonly rssBytes: bigint;
  readonly pageFaults: bigint;
  readonly majorPageFaults: bigint;
  /** Undefined where the kernel does not account swap. */
  readonly swap: SwapUsage | undefined;
  readonly details: MemoryDetails | undefined;
};

/** Swap alone, without the memory that version 1 counts with it. */
type SwapUsage = { readonly usageBytes: bigint; readonly limitBytes: bigint | undefined };

type MemoryDetails = {
  readonly cacheBytes: bigint;
  readonly mappedFileBytes: bigint;
  readonly activeFileBytes: bigint;
  readonly inactiveFileBytes: bigint;
  readonly kernelBytes: bigint;
  /** Undefined before Linux 5.19 with version 2. */
  readonly maxUsageBytes: bigint | undefined;
  /** How often its limit kept it from more. */
  readonly limitHits: bigint;
  readonly oomKills: bigint;
  /** Of the cgroup alone, without those below it. */
  readonly ownPageFaults: bigint;
  readonly ownMajorPageFaults: bigint;
  /**
   * What is kept for it when memory runs short: the soft limit of version 1, memory.min of version 2; 0 is
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
  /** Such as "/dev/vda"; "" for one that has no name here. */
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
  /** Undefined with version 2, which does not keep it. */
  readonly maxUsageBytes: bigint | undefined;
};

type CpuLimits = {
  /** In version 1's scale (1024 is one share), which CRI speaks. */
  readonly cpuShares: bigint;
  readonly cpuPeriodUs: bigint;
  /** Undefined where there is none. */
  readonly cpuQuotaUs: bigint | undefined;
};

export type ProcessUsage = {
  readonly count: number;
  readonly fileDescriptors: number;
  /** Undefined when there are too many descriptors to look at each. */
  readonly sockets: number | undefined;
  /** Soft limit on open files of the first process; undefined where it has none. */
  readonly maxOpenFiles: bigint | undefined;
};

/**
 * How many threads are in each state, in cAdvisor's words; the kernel does not tell of a thread that it waits
 * for a device.
 */
export type TaskStates = {
  readonly running: number;
  readonly sleeping: number;
  readonly stopped: number;
  readonly uninterruptible: number;
};
