import type { V1Hierarchies } from "../../ground/linux/index.ts";
import type { ControllerReader } from "./controller-reader.ts";
import { hugepageSizes, readFigures, v1Figures } from "./figure-files.ts";
import { blockDeviceName, readKernelFile } from "./kernel-file.ts";
import { FlatKeyed, parseBlkio, single } from "./parse.ts";
import type { CgroupUsage, MemoryUsage } from "./usage.ts";

/** Version 1 writes "no limit" as the largest number of whole pages; no real limit is close to it. */
const unlimited = 1n << 62n;

/**
 * Reads cgroups of version 1 (https://docs.kernel.org/admin-guide/cgroup-v1/): a hierarchy for each
 * controller.
 */
export class V1Reader implements ControllerReader {
  readonly #hierarchies: V1Hierarchies;

  constructor(hierarchies: V1Hierarchies) {
    this.#hierarchies = hierarchies;
  }

  cpu(path: string, details: boolean): CgroupUsage["cpu"] {
    const totalNs = this.#number("cpuacct", path, "cpuacct.usage");
    if (totalNs === undefined) return undefined;
    return { totalNs, details: details ? this.#cpuDetails(path) : undefined };
  }

  #cpuDetails(path: string) {
    const stat = new FlatKeyed(this.#text("cpu", path, "cpu.stat") ?? "");
    return {
      userNs: this.#number("cpuacct", path, "cpuacct.usage_user") ?? 0n,
      systemNs: this.#number("cpuacct", path, "cpuacct.usage_sys") ?? 0n,
      periods: stat.get("nr_periods"),
      throttledPeriods: stat.get("nr_throttled"),
      throttledNs: stat.get("throttled_time"),
    };
  }

  /** The `total_` figures include descendants. */
  memory(path: string, details: boolean): MemoryUsage | undefined {
    const usageBytes = this.#number("memory", path, "memory.usage_in_bytes");
    const text = this.#text("memory", path, "memory.stat");
    if (usageBytes === undefined || text === undefined) return undefined;
    const stat = new FlatKeyed(text);
    const inactive = stat.get("total_inactive_file");
    const limitBytes = this.#limit(path, "memory.limit_in_bytes");
    return {
      usageBytes,
      workingSetBytes: usageBytes > inactive ? usageBytes - inactive : 0n,
      limitBytes,
      rssBytes: stat.get("total_rss"),
      pageFaults: stat.get("total_pgfault"),
      majorPageFaults: stat.get("total_pgmajfault"),
      swap: this.#swap(path, stat, limitBytes),
      details: details ? this.#memoryDetails(path, stat) : undefined,
    };
  }

  /** The limit of version 1 is on memory and swap together. */
  #swap(path: string, stat: FlatKeyed, memoryLimit: bigint | undefined): MemoryUsage["swap"] {
    if (!stat.has("total_swap")) return undefined;
    const both = this.#limit(path, "memory.memsw.limit_in_bytes");
    const limitBytes = both === undefined || memoryLimit === undefined ? undefined : both - memoryLimit;
    return { usageBytes: stat.get("total_swap"), limitBytes };
  }

  #memoryDetails(path: string, stat: FlatKeyed): MemoryUsage["details"] {
    const number = (file: string) => this.#number("memory", path, file);
    const oom = new FlatKeyed(this.#text("memory", path, "memory.oom_control") ?? "");
    return {
      cacheBytes: stat.get("total_cache"),
      mappedFileBytes: stat.get("total_mapped_file"),
      activeFileBytes: stat.get("total_active_file"),
      inactiveFileBytes: stat.get("total_inactive_file"),
      kernelBytes: number("memory.kmem.usage_in_bytes") ?? 0n,
      maxUsageBytes: number("memory.max_usage_in_bytes"),
      limitHits: number("memory.failcnt") ?? 0n,
      oomKills: oom.get("oom_kill"),
      ownPageFaults: stat.get("pgfault"),
      ownMajorPageFaults: stat.get("pgmajfault"),
      reservationBytes: this.#limit(path, "memory.soft_limit_in_bytes") ?? 0n,
    };
  }

  /** The throttle layer's counters always exist; those of an I/O scheduler only while it is in use. */
  devices(path: string): CgroupUsage["devices"] {
    const bytes = this.#text("blkio", path, "blkio.throttle.io_service_bytes_recursive");
    if (bytes === undefined) return undefined;
    const counts = parseBlkio(this.#text("blkio", path, "blkio.throttle.io_serviced_recursive") ?? "");
    return [...parseBlkio(bytes)].map(([device, { read, write }]) => {
      const [major = 0, minor = 0] = device.split(":").map(Number);
      return {
        major,
        minor,
        name: blockDeviceName(device),
        readBytes: read,
        writtenBytes: write,
        reads: counts.get(device)?.read ?? 0n,
        writes: counts.get(device)?.write ?? 0n,
      };
    });
  }

  tasks(path: string): CgroupUsage["tasks"] {
    const count = this.#number("pids", path, "pids.current");
    if (count === undefined) return undefined;
    return { count, limit: this.#number("pids", path, "pids.max") };
  }

  hugepages(path: string): CgroupUsage["hugepages"] {
    const directory = this.#directory("hugetlb", path);
    return directory === undefined
      ? undefined
      : hugepageSizes(directory, /^hugetlb\.(\w+)\.usage_in_bytes$/)?.map((pageSize) => ({
          pageSize,
          usageBytes: this.#number("hugetlb", path, `hugetlb.${pageSize}.usage_in_bytes`) ?? 0n,
          maxUsageBytes: this.#number("hugetlb", path, `hugetlb.${pageSize}.max_usage_in_bytes`),
        }));
  }

  limits(path: string): CgroupUsage["limits"] {
    const cpuShares = this.#number("cpu", path, "cpu.shares");
    const cpuPeriodUs = this.#number("cpu", path, "cpu.cfs_period_us");
    if (cpuShares === undefined || cpuPeriodUs === undefined) return undefined;
    return { cpuShares, cpuPeriodUs, cpuQuotaUs: this.#number("cpu", path, "cpu.cfs_quota_us") };
  }

  files(path: string): CgroupUsage["files"] {
    const texts = readFigures(v1Figures, (controller) => this.#directory(controller, path));
    return texts.size === 0 ? undefined : { version: 1, texts };
  }

  processDirectory(path: string): string | undefined {
    return ["pids", "memory", "cpuacct"].map((each) => this.#directory(each, path)).find((each) => each);
  }

  #limit(path: string, file: string): bigint | undefined {
    const limit = this.#number("memory", path, file);
    return limit === undefined || limit > unlimited ? undefined : limit;
  }

  #number(controller: string, path: string, file: string): bigint | undefined {
    return single(this.#text(controller, path, file));
  }

  #text(controller: string, path: string, file: string): string | undefined {
    const directory = this.#directory(controller, path);
    return directory === undefined ? undefined : readKernelFile(`${directory}/${file}`);
  }

  #directory(controller: string, path: string): string | undefined {
    const mountPoint = this.#hierarchies.get(controller);
    return mountPoint === undefined ? undefined : `${mountPoint}${path}`;
  }
}
