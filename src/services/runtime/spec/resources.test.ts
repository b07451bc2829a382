import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import { cgroupLimits, containerResources } from "./resources.ts";
import { resourcesInForce, updatedResources } from "./resources-in-force.ts";

const v2 = {
  cgroups: "v2",
  swapController: true,
  hugetlbController: true,
  messageQueues: true,
  minOomScoreAdj: -1000,
} as const;

const resources = (fields: Partial<LinuxContainerResources>) => LinuxContainerResources.fromPartial(fields);
const limits = (fields: Partial<LinuxContainerResources>, host: Parameters<typeof cgroupLimits>[1] = v2) =>
  cgroupLimits(resources(fields), host);

describe("limits", () => {
  test("are as requested, and absent otherwise", () => {
    assert.deepEqual(limits({}), { cpu: {}, memory: {}, hugepageLimits: [], unified: {} });
    assert.deepEqual(
      limits({
        cpuPeriod: 100_000n,
        cpuQuota: 50_000n,
        cpuShares: 512n,
        cpusetCpus: "0-1",
        cpusetMems: "0",
        memoryLimitInBytes: 100n,
        memorySwapLimitInBytes: 150n,
        hugepageLimits: [{ pageSize: "2MB", limit: 4n }],
        unified: { "memory.high": "90" },
      }),
      {
        cpu: { period: 100_000, quota: 50_000, cpus: "0-1", mems: "0" },
        memory: { limit: 100, swap: 150 },
        hugepageLimits: [{ pageSize: "2MB", limit: 4 }],
        unified: { "cpu.weight": "59", "memory.high": "90" },
      },
    );
  });

  test("of CPU are shares with cgroup v1, and a weight with v2, however the OCI runtime would convert shares", () => {
    const hybrid = { ...v2, cgroups: "hybrid" } as const;
    assert.deepEqual(limits({ cpuShares: 512n }, hybrid).cpu, { shares: 512 });
    assert.deepEqual(limits({ cpuShares: 1024n }).unified, { "cpu.weight": "100" });
    const own = { cpuShares: 1024n, unified: { "cpu.weight": "7" } };
    assert.deepEqual(limits(own).unified, { "cpu.weight": "7" });
  });

  test("allow no swap beyond the memory, unless requested, which requires a controller", () => {
    assert.deepEqual(limits({ memoryLimitInBytes: 100n }).memory, { limit: 100, swap: 100 });
    assert.deepEqual(limits({ memoryLimitInBytes: -1n }).memory, { limit: -1, swap: -1 });
    const noSwap = { ...v2, swapController: false };
    assert.deepEqual(limits({ memoryLimitInBytes: 100n }, noSwap).memory, { limit: 100 });
    for (const memoryLimitInBytes of [0n, -1n, 200n])
      assert.throws(() => limits({ memoryLimitInBytes, memorySwapLimitInBytes: 150n }), {
        code: "InvalidArgument",
        message: /memory_swap_limit_in_bytes/,
      });
  });

  test("of huge pages are left out if nobody can use any, and cgroup files are rejected without v2", () => {
    const hugepageLimits = [{ pageSize: "2MB", limit: 4n }];
    assert.equal(limits({ hugepageLimits }, { ...v2, hugetlbController: false }).hugepageLimits, undefined);
    const hybrid = { ...v2, cgroups: "hybrid" } as const;
    assert.throws(() => limits({ unified: { "memory.high": "1" } }, hybrid), { code: "FailedPrecondition" });
    assert.equal(limits({}, hybrid).unified, undefined);
  });

  test("without a CPU quota are those of a new cgroup, and explicit in an update", () => {
    for (const cpuQuota of [-1n, -5n]) assert.deepEqual(limits({ cpuQuota }).cpu, { quota: -1 });
    const host = {
      ...v2,
      maxOpenFiles: 1,
      rlimitCeilings: {},
      capabilities: [],
      seccomp: true,
      appArmor: false,
      seLinux: false,
    };
    const created = containerResources(resources({ cpuQuota: -1n, cpuShares: 2n }), [], false, {
      ...host,
      architecture: "x64",
      kernel: { text: "6.1.0", major: 6, minor: 1 },
    });
    assert.deepEqual([created.cpu, created.unified], [{}, { "cpu.weight": "1" }]);
  });
});

describe("an update", () => {
  const current = resources({
    cpuShares: 100n,
    memoryLimitInBytes: 100n,
    memorySwapLimitInBytes: 150n,
    oomScoreAdj: 5n,
    cpusetCpus: "0",
    hugepageLimits: [
      { pageSize: "2MB", limit: 1n },
      { pageSize: "1GB", limit: 1n },
    ],
    unified: { "memory.high": "1", "io.weight": "2" },
  });

  test("changes the values that it sets and keeps the others", () => {
    const changed = updatedResources(
      current,
      resources({
        cpuQuota: 7n,
        hugepageLimits: [{ pageSize: "2MB", limit: 9n }],
        unified: { "io.weight": "3" },
      }),
    );
    assert.deepEqual(changed, {
      ...current,
      cpuQuota: 7n,
      hugepageLimits: [
        { pageSize: "2MB", limit: 9n },
        { pageSize: "1GB", limit: 1n },
      ],
      unified: { "memory.high": "1", "io.weight": "3" },
    });
  });

  test("of the memory alone allows no more swap, as at a creation", () => {
    const changed = updatedResources(current, resources({ memoryLimitInBytes: 300n }));
    assert.equal(resourcesInForce(changed, v2)?.memorySwapLimitInBytes, 300n);
    const swap = updatedResources(current, resources({ memorySwapLimitInBytes: 400n }));
    assert.deepEqual([swap.memoryLimitInBytes, swap.memorySwapLimitInBytes], [100n, 400n]);
  });

  test("sets no oom_score_adj that the daemon may not set", () => {
    const changed = updatedResources(current, resources({ oomScoreAdj: -900n }));
    assert.equal(resourcesInForce(changed, { ...v2, minOomScoreAdj: -10 })?.oomScoreAdj, -10n);
  });
});
