import { containerd } from "../../ground/protocol/index.ts";
import { type CgroupFiles, FlatKeyed, parseBlkioEntries, single } from "../../services/stats/index.ts";
import { hugepageSizesIn, snakeCase } from "./kernel-names.ts";

const { Metrics, MemoryStat } = containerd.cgroupsV1;
type Metrics = containerd.cgroupsV1.Metrics;
type Texts = CgroupFiles["texts"];

/**
 * Translates statistics of cgroup v1 to the message of containerd's cgroups library, with only the fields
 * that it has.
 */
export function metricsOfV1(texts: Texts, deviceName: (device: string) => string): Metrics {
  const number = (name: string) => single(texts.get(name)) ?? 0n;
  return Metrics.fromPartial({
    ...(texts.has("pids.current") && {
      // No limit is 0, as in that library.
      pids: { current: number("pids.current"), limit: number("pids.max") },
    }),
    ...(texts.has("cpuacct.usage") && { cpu: cpuOf(texts) }),
    ...(texts.has("memory.stat") && { memory: memoryOf(texts), memoryOomControl: oomControlOf(texts) }),
    ...(texts.has("blkio.throttle.io_serviced_recursive") && { blkio: blkioOf(texts, deviceName) }),
    hugetlb: hugepageSizesIn(texts).map((pagesize) => ({
      pagesize,
      usage: number(`hugetlb.${pagesize}.usage_in_bytes`),
      max: number(`hugetlb.${pagesize}.max_usage_in_bytes`),
      failcnt: number(`hugetlb.${pagesize}.failcnt`),
    })),
  });
}

function cpuOf(texts: Texts): Metrics["cpu"] {
  const number = (name: string) => single(texts.get(name)) ?? 0n;
  const stat = new FlatKeyed(texts.get("cpu.stat") ?? "");
  return {
    usage: {
      total: number("cpuacct.usage"),
      kernel: number("cpuacct.usage_sys"),
      user: number("cpuacct.usage_user"),
      perCpu: (texts.get("cpuacct.usage_percpu") ?? "").split(/\s+/).flatMap((each) => single(each) ?? []),
    },
    throttling: {
      periods: stat.get("nr_periods"),
      throttledPeriods: stat.get("nr_throttled"),
      throttledTime: stat.get("throttled_time"),
    },
  };
}

/** Kernel keys that are not just another spelling of the message's field. */
const otherKeys: Readonly<Record<string, string>> = {
  pgPgIn: "pgpgin",
  pgPgOut: "pgpgout",
  pgFault: "pgfault",
  pgMajFault: "pgmajfault",
  totalPgPgIn: "total_pgpgin",
  totalPgPgOut: "total_pgpgout",
  totalPgFault: "total_pgfault",
  totalPgMajFault: "total_pgmajfault",
  hierarchicalSwapLimit: "hierarchical_memsw_limit",
};

function memoryOf(texts: Texts): Metrics["memory"] {
  const stat = new FlatKeyed(texts.get("memory.stat") ?? "");
  const empty = MemoryStat.fromPartial({});
  const counts = Object.entries(empty)
    .filter(([, value]) => typeof value === "bigint")
    .map(([field]) => [field, stat.get(otherKeys[field] ?? snakeCase(field))]);
  const entry = (counter: string) => {
    const number = (name: string) => single(texts.get(`${counter}.${name}`)) ?? 0n;
    return {
      limit: number("limit_in_bytes"),
      usage: number("usage_in_bytes"),
      max: number("max_usage_in_bytes"),
      failcnt: number("failcnt"),
    };
  };
  return {
    ...empty,
    ...Object.fromEntries(counts),
    usage: entry("memory"),
    swap: entry("memory.memsw"),
    kernel: entry("memory.kmem"),
    kernelTcp: entry("memory.kmem.tcp"),
  };
}

function oomControlOf(texts: Texts): Metrics["memoryOomControl"] {
  const control = new FlatKeyed(texts.get("memory.oom_control") ?? "");
  return {
    oomKillDisable: control.get("oom_kill_disable"),
    underOom: control.get("under_oom"),
    oomKill: control.get("oom_kill"),
  };
}

/** Uses the figures of the throttle layer, which every kernel counts. */
function blkioOf(
  texts: Texts,
  deviceName: (device: string) => string,
): Partial<NonNullable<Metrics["blkio"]>> {
  const entries = (name: string) =>
    parseBlkioEntries(texts.get(`blkio.throttle.${name}`) ?? "").map(({ device, operation, value }) => {
      const [major = "0", minor = "0"] = device.split(":");
      return {
        op: operation,
        device: deviceName(device),
        major: BigInt(major),
        minor: BigInt(minor),
        value,
      };
    });
  return {
    ioServiceBytesRecursive: entries("io_service_bytes_recursive"),
    ioServicedRecursive: entries("io_serviced_recursive"),
  };
}
