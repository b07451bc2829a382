import { readFile } from "node:fs/promises";
import { exists } from "../../../ground/fs/index.ts";
import {
  type CgroupLayout,
  cgroupLayout,
  type KernelRelease,
  kernelRelease,
  processCapabilities,
} from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/**
 * The properties of this host and the daemon's privileges that determine how containers can be created. Read
 * once, at start-up.
 */
export type HostFacts = {
  readonly cgroups: CgroupLayout["kind"];
  /** Limits on swap can be set. */
  readonly swapController: boolean;
  readonly hugetlbController: boolean;
  /** All capabilities that the daemon can give to a container, such as "CAP_KILL". */
  readonly capabilities: readonly string[];
  /** The lowest oom_score_adj that the daemon may set: -1000, or its own if it lacks CAP_SYS_RESOURCE. */
  readonly minOomScoreAdj: number;
  /** The highest hard limit on open files that the daemon can give. */
  readonly maxOpenFiles: number;
  /**
   * The highest limits of other kinds that the daemon can give, such as RLIMIT_CORE; empty if it has
   * CAP_SYS_RESOURCE.
   */
  readonly rlimitCeilings: Readonly<Record<string, number>>;
  /** POSIX message queues are mounted at /dev/mqueue. */
  readonly messageQueues: boolean;
  readonly seccomp: boolean;
  readonly appArmor: boolean;
  readonly seLinux: boolean;
  /** Node's name, such as "x64" or "arm64". */
  readonly architecture: string;
  readonly kernel: KernelRelease;
};

/** Throws RuntimeError FailedPrecondition if no cgroups are mounted. */
export async function readHostFacts(): Promise<HostFacts> {
  const [layout, capabilities, status, ownScore, limits, queues, appArmor, seLinux] = await Promise.all([
    cgroupLayout(),
    processCapabilities(),
    readFile("/proc/self/status", "utf8"),
    readFile("/proc/self/oom_score_adj", "utf8"),
    readFile("/proc/self/limits", "utf8"),
    exists("/dev/mqueue"),
    readOrUndefined("/sys/module/apparmor/parameters/enabled"),
    readOrUndefined("/sys/fs/selinux/enforce"),
  ]);
  if (layout === undefined) {
    throw new RuntimeError("FailedPrecondition", "no cgroups are mounted; mount cgroup2 at /sys/fs/cgroup");
  }
  return {
    cgroups: layout.kind,
    swapController: await hasSwapController(layout),
    hugetlbController: hasController(layout, "hugetlb"),
    capabilities: [...capabilities.bounding],
    minOomScoreAdj: capabilities.effective.has("CAP_SYS_RESOURCE") ? -1000 : Number(ownScore),
    maxOpenFiles: hardLimits(limits).RLIMIT_NOFILE ?? 1024,
    rlimitCeilings: capabilities.effective.has("CAP_SYS_RESOURCE") ? {} : hardLimits(limits),
    messageQueues: queues,
    seccomp: /^Seccomp:/m.test(status),
    appArmor: appArmor?.startsWith("Y") ?? false,
    seLinux: seLinux !== undefined,
    architecture: process.arch,
    kernel: kernelRelease(),
  };
}

function hasController(layout: CgroupLayout, name: string): boolean {
  if (layout.kind === "v2") return layout.v2.controllers.includes(name);
  return layout.v1.has(name);
}

/** The root of the v2 hierarchy has no memory files, so the daemon's own cgroup is checked. */
async function hasSwapController(layout: CgroupLayout): Promise<boolean> {
  if (layout.kind !== "v2") {
    const memory = layout.v1.get("memory");
    return (
      memory !== undefined && (await readOrUndefined(`${memory}/memory.memsw.limit_in_bytes`)) !== undefined
    );
  }
  const own = /^0::(.*)$/m.exec(await readFile("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  return (await readOrUndefined(`${layout.v2.mountPoint}${own}/memory.swap.max`)) !== undefined;
}

/** The names of limits in proc(5), without "Max ", and in setrlimit(2). */
const limitNames: Readonly<Record<string, string>> = {
  "address space": "RLIMIT_AS",
  "core file size": "RLIMIT_CORE",
  "cpu time": "RLIMIT_CPU",
  "data size": "RLIMIT_DATA",
  "file locks": "RLIMIT_LOCKS",
  "file size": "RLIMIT_FSIZE",
  "locked memory": "RLIMIT_MEMLOCK",
  "msgqueue size": "RLIMIT_MSGQUEUE",
  "nice priority": "RLIMIT_NICE",
  "open files": "RLIMIT_NOFILE",
  "pending signals": "RLIMIT_SIGPENDING",
  processes: "RLIMIT_NPROC",
  "realtime priority": "RLIMIT_RTPRIO",
  "realtime timeout": "RLIMIT_RTTIME",
  "resident set": "RLIMIT_RSS",
  "stack size": "RLIMIT_STACK",
};

/** Parses the hard limits in /proc/PID/limits. */
function hardLimits(text: string): Readonly<Record<string, number>> {
  const lines = text.matchAll(/^Max (\S+(?: \S+)*)\s{2,}\S+\s+(\S+)/gm);
  return Object.fromEntries(
    [...lines].flatMap(([, name = "", hard]) => {
      const type = limitNames[name];
      if (type === undefined) return [];
      return [[type, hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard)]];
    }),
  );
}

/**
 * Reads a file of a kernel feature that may be missing or disabled (EOPNOTSUPP, which Node calls ENOTSUP).
 */
async function readOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENOTSUP") return undefined;
    throw error;
  }
}
