import { cpuSharesOf } from "../../ground/linux/index.ts";
import type { ControllerReader } from "./controller-reader.ts";
import { hugepageSizes, readFigures, v2Figures } from "./figure-files.ts";
import { blockDeviceName, readKernelFile } from "./kernel-file.ts";
import { FlatKeyed, parseIoStat, single } from "./parse.ts";
import type { CgroupUsage, MemoryUsage } from "./usage.ts";

/**
 * Reads cgroups of version 2 (https://docs.kernel.org/admin-guide/cgroup-v2.html): one hierarchy for all
 * controllers.
 */
export class V2Reader implements ControllerReader {
  readonly #mountPoint: string;

  constructor(mountPoint: string) {
    this.#mountPoint = mountPoint;
  }

  cpu(path: string, details: boolean): CgroupUsage["cpu"] {
    const text = this.#text(path, "cpu.stat");
    if (text === undefined) return undefined;
    const stat = new FlatKeyed(text);
    const ns = (key: string) => stat.get(key) * 1000n;
    return {
      totalNs: ns("usage_usec"),
      details: details
        ? {
            userNs: ns("user_usec"),
            systemNs: ns("system_usec"),
            periods: stat.get("nr_periods"),
            throttledPeriods: stat.get("nr_throttled"),
            throttledNs: ns("throttled_usec"),
          }
        : undefined,
    };
  }

  memory(path: string, details: boolean): MemoryUsage | undefined {
    const usageBytes = this.#number(path, "memory.current");
    const text = this.#text(path, "memory.stat");
    if (usageBytes === undefined || text === undefined) return undefined;
    const stat = new FlatKeyed(text);
    const inactive = stat.get("inactive_file");
    const swapBytes = this.#number(path, "memory.swap.current");
    return {
      usageBytes,
      workingSetBytes: usageBytes > inactive ? usageBytes - inactive : 0n,
      limitBytes: this.#number(path, "memory.max"),
      rssBytes: stat.get("anon"),
      pageFaults: stat.get("pgfault"),
      majorPageFaults: stat.get("pgmajfault"),
      swap:
        swapBytes === undefined
          ? undefined
          : { usageBytes: swapBytes, limitBytes: this.#number(path, "memory.swap.max") },
      details: details ? this.#memoryDetails(path, stat) : undefined,
    };
  }

  /** In version 2, a cgroup's page faults always include those of its descendants. */
  #memoryDetails(path: string, stat: FlatKeyed): MemoryUsage["details"] {
    const events = new FlatKeyed(this.#text(path, "memory.events") ?? "");
    return {
      cacheBytes: stat.get("file"),
      mappedFileBytes: stat.get("file_mapped"),
      activeFileBytes: stat.get("active_file"),
      inactiveFileBytes: stat.get("inactive_file"),
      kernelBytes: kernelBytes(stat),
      maxUsageBytes: this.#number(path, "memory.peak"),
      limitHits: events.get("max"),
      oomKills: events.get("oom_kill"),
      ownPageFaults: stat.get("pgfault"),
      ownMajorPageFaults: stat.get("pgmajfault"),
      reservationBytes: this.#number(path, "memory.min") ?? 0n,
    };
  }

  devices(path: string): CgroupUsage["devices"] {
    const text = this.#text(path, "io.stat");
    if (text === undefined) return undefined;
    return [...parseIoStat(text)].map(([device, figures]) => {
      const [major = 0, minor = 0] = device.split(":").map(Number);
      return {
        major,
        minor,
        name: blockDeviceName(device),
        readBytes: figures.get("rbytes") ?? 0n,
        writtenBytes: figures.get("wbytes") ?? 0n,
        reads: figures.get("rios") ?? 0n,
        writes: figures.get("wios") ?? 0n,
      };
    });
  }

  tasks(path: string): CgroupUsage["tasks"] {
    const count = this.#number(path, "pids.current");
    return count === undefined ? undefined : { count, limit: this.#number(path, "pids.max") };
  }

  hugepages(path: string): CgroupUsage["hugepages"] {
    return hugepageSizes(`${this.#mountPoint}${path}`, /^hugetlb\.(\w+)\.current$/)?.map((pageSize) => ({
      pageSize,
      usageBytes: this.#number(path, `hugetlb.${pageSize}.current`) ?? 0n,
      maxUsageBytes: undefined,
    }));
  }

  limits(path: string): CgroupUsage["limits"] {
    const weight = this.#number(path, "cpu.weight");
    const [quota, period] = this.#text(path, "cpu.max")?.trim().split(" ") ?? [];
    if (weight === undefined || period === undefined) return undefined;
    return {
      cpuShares: BigInt(cpuSharesOf(Number(weight))),
      cpuPeriodUs: BigInt(period),
      cpuQuotaUs: single(quota),
    };
  }

  files(path: string): CgroupUsage["files"] {
    const texts = readFigures(v2Figures, () => `${this.#mountPoint}${path}`);
    return texts.size === 0 ? undefined : { version: 2, texts };
  }

  processDirectory(path: string): string {
    return `${this.#mountPoint}${path}`;
  }

  #number(path: string, file: string): bigint | undefined {
    return single(this.#text(path, file));
  }

  #text(path: string, file: string): string | undefined {
    return readKernelFile(`${this.#mountPoint}${path}/${file}`);
  }
}

/** `kernel` exists since Linux 5.18; before, only its largest parts are known. */
function kernelBytes(stat: FlatKeyed): bigint {
  if (stat.has("kernel")) return stat.get("kernel");
  return ["slab", "kernel_stack", "pagetables", "percpu", "sock"].reduce(
    (sum, key) => sum + stat.get(key),
    0n,
  );
}
