import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { CgroupReadings } from "../../services/stats/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { metricsOf } from "./task-metrics.ts";

const logger = createLogger({ level: "silent", format: "json" });

/** What is answered for a task in /c, of files as kernels write them; by path below the mount point. */
async function answered(layout: (root: string) => CgroupLayout, files: Readonly<Record<string, string>>) {
  await using root = await tempDir();
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(root.path, file)), { recursive: true });
    await writeFile(join(root.path, file), text);
  }
  await using readings = new CgroupReadings(layout(root.path), logger);
  const [metric] = await metricsOf([{ id: "c", cgroup: "/c" }], { namespace: "n", filters: [] }, readings);
  return metric?.data ?? { typeUrl: "", value: Buffer.alloc(0) };
}

const v1 = (root: string) =>
  new Map(
    ["cpu", "cpuacct", "memory", "blkio", "pids", "hugetlb"].map((name) => [name, join(root, name)] as const),
  );
const v1Files = {
  "cpu/c/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 900\n",
  "cpuacct/c/cpuacct.usage": "2500\n",
  "cpuacct/c/cpuacct.usage_percpu": "1500 1000 \n",
  "cpuacct/c/cpuacct.usage_user": "2000\n",
  "cpuacct/c/cpuacct.usage_sys": "500\n",
  "memory/c/memory.stat":
    "cache 1\nrss_huge 2\npgpgin 3\ntotal_pgmajfault 4\ntotal_inactive_file 5\nhierarchical_memsw_limit 6\n",
  "memory/c/memory.usage_in_bytes": "10000\n",
  "memory/c/memory.limit_in_bytes": "9223372036854771712\n",
  "memory/c/memory.memsw.max_usage_in_bytes": "7\n",
  "memory/c/memory.kmem.tcp.failcnt": "8\n",
  "memory/c/memory.oom_control": "oom_kill_disable 0\nunder_oom 1\noom_kill 9\n",
  "blkio/c/blkio.throttle.io_service_bytes_recursive": "7:200 Read 4096\n7:200 Total 4096\nTotal 4096\n",
  "blkio/c/blkio.throttle.io_serviced_recursive": "7:200 Read 1\nTotal 1\n",
  "pids/c/pids.current": "7\n",
  "pids/c/pids.max": "max\n",
  "hugetlb/c/hugetlb.2MB.usage_in_bytes": "2097152\n",
  "hugetlb/c/hugetlb.2MB.max_usage_in_bytes": "4194304\n",
  "hugetlb/c/hugetlb.2MB.failcnt": "1\n",
};

for (const [name, layout] of Object.entries({
  "version 1": (root: string): CgroupLayout => ({ kind: "v1", v1: v1(root) }),
  "a machine with both versions": (root: string): CgroupLayout => ({
    kind: "hybrid",
    v1: v1(root),
    v2: { mountPoint: join(root, "unified"), controllers: [] },
  }),
}))
  test(`${name} yields the message of version 1, with the kernel's figures under containerd's names`, async () => {
    const { typeUrl, value } = await answered(layout, v1Files);
    assert.equal(typeUrl, "io.containerd.cgroups.v1.Metrics");
    const { Metrics, MemoryStat } = containerd.cgroupsV1;
    const none = { limit: 0n, usage: 0n, max: 0n, failcnt: 0n };
    const entry = { device: "", major: 7n, minor: 200n };
    const expected = Metrics.fromPartial({
      hugetlb: [{ usage: 2_097_152n, max: 4_194_304n, failcnt: 1n, pagesize: "2MB" }],
      pids: { current: 7n, limit: 0n },
      cpu: {
        usage: { total: 2500n, kernel: 500n, user: 2000n, perCpu: [1500n, 1000n] },
        throttling: { periods: 10n, throttledPeriods: 4n, throttledTime: 900n },
      },
      memory: MemoryStat.fromPartial({
        cache: 1n,
        rssHuge: 2n,
        pgPgIn: 3n,
        totalPgMajFault: 4n,
        totalInactiveFile: 5n,
        hierarchicalSwapLimit: 6n,
        usage: { ...none, usage: 10_000n, limit: 9_223_372_036_854_771_712n },
        swap: { ...none, max: 7n },
        kernel: none,
        kernelTcp: { ...none, failcnt: 8n },
      }),
      memoryOomControl: { oomKillDisable: 0n, underOom: 1n, oomKill: 9n },
      blkio: {
        ioServiceBytesRecursive: [
          { ...entry, op: "Read", value: 4096n },
          { ...entry, op: "Total", value: 4096n },
        ],
        ioServicedRecursive: [{ ...entry, op: "Read", value: 1n }],
      },
    });
    assert.deepEqual(Metrics.decode(value), expected);
  });

test("version 2 yields its own message, in which no limit is the largest number", async () => {
  const { typeUrl, value } = await answered(
    (root) => ({ kind: "v2", v2: { mountPoint: root, controllers: [] } }),
    {
      "c/cpu.stat": "usage_usec 25\nuser_usec 20\nsystem_usec 5\nnr_periods 10\nnr_bursts 2\n",
      "c/cpu.pressure": "some avg10=1.50 avg60=0.30 avg300=0.10 total=1234\n",
      "c/memory.stat": "anon 4000\nkernel_stack 5\nanon_thp 6\npgmajfault 3\nworkingset_refault 9\n",
      "c/memory.events": "low 0\nhigh 1\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n",
      "c/memory.current": "10000\n",
      "c/memory.max": "50000\n",
      "c/memory.swap.current": "300\n",
      "c/memory.swap.max": "max\n",
      "c/memory.peak": "20000\n",
      "c/io.stat": "259:1 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:0 \n",
      "c/pids.current": "7\n",
      "c/pids.max": "max\n",
      "c/hugetlb.2MB.current": "2097152\n",
      "c/hugetlb.2MB.max": "max\n",
      "c/hugetlb.2MB.events": "max 4\n",
    },
  );
  assert.equal(typeUrl, "io.containerd.cgroups.v2.Metrics");
  const { Metrics, CPUStat, MemoryStat, MemoryEvents } = containerd.cgroupsV2;
  const noLimit = 2n ** 64n - 1n;
  const expected = Metrics.fromPartial({
    pids: { current: 7n, limit: noLimit },
    cpu: CPUStat.fromPartial({
      usageUsec: 25n,
      userUsec: 20n,
      systemUsec: 5n,
      nrPeriods: 10n,
      nrBursts: 2n,
      psi: {
        some: { avg10: 1.5, avg60: 0.3, avg300: 0.1, total: 1234n },
        full: { avg10: 0, avg60: 0, avg300: 0, total: 0n },
      },
    }),
    memory: MemoryStat.fromPartial({
      anon: 4000n,
      kernelStack: 5n,
      anonThp: 6n,
      pgmajfault: 3n,
      workingsetRefault: 9n,
      usage: 10_000n,
      usageLimit: 50_000n,
      swapUsage: 300n,
      swapLimit: noLimit,
      maxUsage: 20_000n,
    }),
    memoryEvents: MemoryEvents.fromPartial({ high: 1n, max: 9n, oom: 2n, oomKill: 1n }),
    io: { usage: [{ major: 259n, minor: 1n, rbytes: 4096n, wbytes: 8192n, rios: 1n, wios: 2n }] },
    hugetlb: [{ current: 2_097_152n, max: noLimit, pagesize: "2MB", failcnt: 4n }],
  });
  assert.deepEqual(Metrics.decode(value), expected);
});
