import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { CgroupReadings, type CgroupUsage, type UsagePart } from "./index.ts";

const logger = createLogger({ level: "silent", format: "json" });

/** The text of files as kernels write them, by path under the hierarchy's mount point. */
type Files = Readonly<Record<string, string>>;

async function readFrom(
  layout: "v1" | "v2",
  files: Files,
  path: string,
  parts: readonly UsagePart[],
): Promise<CgroupUsage | undefined> {
  await using root = await tempDir();
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(root.path, file)), { recursive: true });
    await writeFile(join(root.path, file), text);
  }
  const controllers = ["cpu", "cpuacct", "memory", "blkio", "pids", "hugetlb"];
  await using readings = new CgroupReadings(
    layout === "v2"
      ? { kind: "v2", v2: { mountPoint: root.path, controllers } }
      : { kind: "v1", v1: new Map(controllers.map((name) => [name, join(root.path, name)])) },
    logger,
  );
  return (await readings.read([path], new Set(parts)))[0];
}

const v2: Files = {
  "pod/c/cpu.stat":
    "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 900000\n",
  "pod/c/cpu.max": "20000 100000\n",
  "pod/c/cpu.weight": "100\n",
  "pod/c/cpu.pressure":
    "some avg10=1.50 avg60=0.30 avg300=0.10 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=12\n",
  "pod/c/memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
  "pod/c/memory.current": "10000\n",
  "pod/c/memory.max": "50000\n",
  "pod/c/memory.min": "0\n",
  "pod/c/memory.peak": "20000\n",
  "pod/c/memory.swap.current": "300\n",
  "pod/c/memory.swap.max": "max\n",
  "pod/c/memory.stat":
    "anon 4000\nfile 5000\nkernel 700\nfile_mapped 600\ninactive_file 3000\nactive_file 2000\npgfault 77\npgmajfault 3\n",
  "pod/c/memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n",
  "pod/c/io.stat": "259:1 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:0 \n",
  "pod/c/pids.current": "7\n",
  "pod/c/pids.max": "max\n",
  "pod/c/hugetlb.2MB.current": "2097152\n",
  "pod/c/hugetlb.2MB.max": "max\n",
};

test("version 2: CPU time is in nanoseconds, with what the quota did", async () => {
  const usage = await readFrom("v2", v2, "/pod/c", ["cpu", "cpuDetails", "limits"]);
  assert.deepEqual(usage?.cpu, {
    totalNs: 2_500_000_000n,
    details: {
      userNs: 2_000_000_000n,
      systemNs: 500_000_000n,
      periods: 10n,
      throttledPeriods: 4n,
      throttledNs: 900_000_000n,
    },
  });
  assert.deepEqual(usage.limits, { cpuShares: 1024n, cpuPeriodUs: 100_000n, cpuQuotaUs: 20_000n });
});

test("version 2: the working set is what is in use without inactive files, and max is no limit", async () => {
  const usage = await readFrom("v2", v2, "/pod/c", ["memory", "memoryDetails"]);
  assert.deepEqual(usage?.memory, {
    usageBytes: 10_000n,
    workingSetBytes: 7_000n,
    limitBytes: 50_000n,
    rssBytes: 4_000n,
    pageFaults: 77n,
    majorPageFaults: 3n,
    swap: { usageBytes: 300n, limitBytes: undefined },
    details: {
      cacheBytes: 5_000n,
      mappedFileBytes: 600n,
      activeFileBytes: 2_000n,
      inactiveFileBytes: 3_000n,
      kernelBytes: 700n,
      maxUsageBytes: 20_000n,
      limitHits: 9n,
      oomKills: 1n,
      ownPageFaults: 77n,
      ownMajorPageFaults: 3n,
      reservationBytes: 0n,
    },
  });
});

test("version 2: pressure that the kernel does not have is not zero, but not there", async () => {
  const usage = await readFrom("v2", v2, "/pod/c", ["pressure"]);
  const none = { avg10: 0, avg60: 0, avg300: 0, totalUs: 0n };
  assert.deepEqual(usage?.pressure, {
    cpu: {
      some: { avg10: 1.5, avg60: 0.3, avg300: 0.1, totalUs: 1234n },
      full: { ...none, totalUs: 12n },
    },
    memory: { some: { ...none, totalUs: 5n }, full: none },
    io: undefined,
  });
});

test("version 2: devices, tasks and huge pages", async () => {
  const usage = await readFrom("v2", v2, "/pod/c", ["devices", "tasks", "hugepages"]);
  const [device, ...others] = usage?.devices ?? [];
  assert.deepEqual(others, [], "a device without figures is left out");
  assert.deepEqual(
    [device?.major, device?.minor, device?.readBytes, device?.writtenBytes, device?.reads, device?.writes],
    [259, 1, 4096n, 8192n, 1n, 2n],
  );
  assert.deepEqual(usage?.tasks, { count: 7n, limit: undefined });
  assert.deepEqual(usage.hugepages, [{ pageSize: "2MB", usageBytes: 2_097_152n, maxUsageBytes: undefined }]);
});

test("what was not asked for is not read, and a cgroup that is gone gives nothing", async () => {
  const usage = await readFrom("v2", v2, "/pod/c", ["tasks"]);
  assert.deepEqual([usage?.cpu, usage?.memory, usage?.pressure], [undefined, undefined, undefined]);
  assert.equal(await readFrom("v2", v2, "/pod/gone", ["cpu", "memory", "tasks", "hugepages"]), undefined);
});

const v1: Files = {
  "cpuacct/c/cpuacct.usage": "2500000000\n",
  "cpuacct/c/cpuacct.usage_user": "2000000000\n",
  "cpuacct/c/cpuacct.usage_sys": "500000000\n",
  "cpu/c/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 900000000\n",
  "cpu/c/cpu.shares": "1024\n",
  "cpu/c/cpu.cfs_period_us": "100000\n",
  "cpu/c/cpu.cfs_quota_us": "-1\n",
  "memory/c/memory.usage_in_bytes": "10000\n",
  "memory/c/memory.limit_in_bytes": "50000\n",
  "memory/c/memory.memsw.limit_in_bytes": "60000\n",
  "memory/c/memory.stat":
    "pgfault 5\npgmajfault 1\ntotal_rss 4000\ntotal_swap 300\ntotal_inactive_file 11000\ntotal_pgfault 77\ntotal_pgmajfault 3\n",
  "blkio/c/blkio.throttle.io_service_bytes_recursive":
    "259:1 Read 4096\n259:1 Write 8192\n259:1 Sync 0\n259:1 Total 12288\nTotal 12288\n",
  "blkio/c/blkio.throttle.io_serviced_recursive": "259:1 Read 1\n259:1 Write 2\nTotal 3\n",
  "pids/c/pids.current": "7\n",
  "pids/c/pids.max": "100\n",
  "hugetlb/c/hugetlb.2MB.usage_in_bytes": "0\n",
  "hugetlb/c/hugetlb.2MB.max_usage_in_bytes": "2097152\n",
};

test("version 1 gives the same figures out of its several hierarchies", async () => {
  const usage = await readFrom("v1", v1, "/c", [
    "cpu",
    "cpuDetails",
    "limits",
    "memory",
    "tasks",
    "hugepages",
  ]);
  assert.deepEqual(usage?.cpu, {
    totalNs: 2_500_000_000n,
    details: {
      userNs: 2_000_000_000n,
      systemNs: 500_000_000n,
      periods: 10n,
      throttledPeriods: 4n,
      throttledNs: 900_000_000n,
    },
  });
  assert.deepEqual(usage.limits, { cpuShares: 1024n, cpuPeriodUs: 100_000n, cpuQuotaUs: undefined });
  const { swap, workingSetBytes, rssBytes, pageFaults } = usage.memory ?? {};
  assert.deepEqual(swap, { usageBytes: 300n, limitBytes: 10_000n });
  assert.deepEqual([workingSetBytes, rssBytes, pageFaults], [0n, 4000n, 77n]);
  assert.deepEqual(usage.tasks, { count: 7n, limit: 100n });
  assert.deepEqual(usage.hugepages, [{ pageSize: "2MB", usageBytes: 0n, maxUsageBytes: 2_097_152n }]);
});

test("version 1: the largest number of whole pages is no limit", async () => {
  const files = {
    ...v1,
    "memory/c/memory.limit_in_bytes": "9223372036854771712\n",
    "memory/c/memory.memsw.limit_in_bytes": "9223372036854771712\n",
  };
  const usage = await readFrom("v1", files, "/c", ["memory"]);
  assert.deepEqual([usage?.memory?.limitBytes, usage?.memory?.swap?.limitBytes], [undefined, undefined]);
});

test("version 1: reads and writes of devices, without their sums", async () => {
  const usage = await readFrom("v1", v1, "/c", ["devices"]);
  assert.equal(usage?.devices?.length, 1);
  const { readBytes, writtenBytes, reads, writes } = usage.devices[0] ?? {};
  assert.deepEqual([readBytes, writtenBytes, reads, writes], [4096n, 8192n, 1n, 2n]);
});
