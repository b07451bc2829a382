import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import {
  type LinuxContainerResources,
  UpdateContainerResourcesRequest,
  UpdatePodSandboxResourcesRequest,
} from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { readCgroup } from "./support/container-cgroup.ts";
import { testHandler } from "./support/handler.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo, verboseSandboxInfo } from "./support/verbose.ts";
import { withBerth } from "./support/with-berth.ts";

const MiB = 2n ** 20n;
const sleeping = "exec sleep 1000";

describe("UpdateContainerResources", () => {
  const host = withBerth();

  async function update(containerId: string, linux: Partial<LinuxContainerResources>): Promise<void> {
    const request = UpdateContainerResourcesRequest.fromPartial({ containerId, linux });
    await host.berth.clients.runtime.updateContainerResources(request);
  }

  /** The kernel's limits for a running container: period, quota, shares, memory, memory with swap, CPUs. */
  async function inForce(id: string): Promise<readonly string[]> {
    const files = [
      ["cpu", "cpu.cfs_period_us"],
      ["cpu", "cpu.cfs_quota_us"],
      ["cpu", "cpu.shares"],
      ["memory", "memory.limit_in_bytes"],
      ["memory", "memory.memsw.limit_in_bytes"],
      ["cpuset", "cpuset.cpus"],
      ["cpuset", "cpuset.mems"],
      ["hugetlb", "hugetlb.2MB.limit_in_bytes"],
    ] as const;
    return Promise.all(files.map(([controller, file]) => readCgroup(host.berth, id, controller, file)));
  }

  const asked = {
    cpuPeriod: 50_000n,
    cpuQuota: 25_000n,
    cpuShares: 512n,
    memoryLimitInBytes: 64n * MiB,
    memorySwapLimitInBytes: 96n * MiB,
    cpusetCpus: "0",
    cpusetMems: "0",
    hugepageLimits: [{ pageSize: "2MB", limit: 4n * MiB }],
  };
  const kernelHas = [50_000n, 25_000n, 512n, 64n * MiB, 96n * MiB, 0n, 0n, 4n * MiB].map(String);

  it("changes every limit of a running container, even if memory must grow before swap or shrink after it", async () => {
    const pod = await TestPod.run(host.berth, "running");
    const resources = { memoryLimitInBytes: 32n * MiB, cpuShares: 100n };
    const id = await pod.shell("main", host.image, sleeping, { linux: { resources } });
    assert.deepEqual((await inForce(id)).slice(2, 5), [100n, 32n * MiB, 32n * MiB].map(String));
    await update(id, asked);
    assert.deepEqual(await inForce(id), kernelHas);
    const { linux } = (await containerStatus(host.berth, id)).resources ?? {};
    assert.deepEqual({ ...linux, oomScoreAdj: 0n, unified: {} }, { ...asked, oomScoreAdj: 0n, unified: {} });
    await update(id, { memoryLimitInBytes: 16n * MiB });
    const shrunk = [...kernelHas.slice(0, 3), String(16n * MiB), String(16n * MiB), ...kernelHas.slice(5)];
    assert.deepEqual(await inForce(id), shrunk);
    await update(id, { cpuQuota: -1n, memoryLimitInBytes: -1n });
    const unlimited = ["-1", "512", ...Array(2).fill("9223372036854771712")];
    assert.deepEqual((await inForce(id)).slice(1, 5), unlimited);
  });

  it("applies from the start for a container that was only created", async () => {
    const pod = await TestPod.run(host.berth, "created");
    const resources = { cpuShares: 100n, cpuQuota: 10_000n };
    const config = shellConfig("main", host.image, sleeping, { linux: { resources } });
    const id = await pod.create(config);
    await update(id, { ...asked, cpuQuota: 0n });
    assert.equal(await pod.create(config), id, "a retry of CreateContainer finds it");
    await host.berth.clients.runtime.startContainer({ containerId: id });
    assert.deepEqual(await inForce(id), kernelHas.with(1, "10000"));
  });

  it("sets oom_score_adj of every process, and of later commands", async () => {
    const pod = await TestPod.run(host.berth, "oom-score");
    const id = await pod.shell("main", host.image, "sleep 1000 & exec sleep 1000", {
      linux: { resources: { oomScoreAdj: 100n } },
    });
    await update(id, { oomScoreAdj: 500n });
    const scores = await execSync(host.berth, id, "sh", "-c", "cat /proc/[0-9]*/oom_score_adj");
    assert.ok(scores.split("\n").length > 3, scores);
    // runc gives its commands the score from the container's creation.
    assert.match(scores, testHandler === "runc" ? /^(500\n){2,}(100\n)+$/ : /^(500\n)+$/);
    await update(id, { cpuShares: 300n });
    assert.match(await execSync(host.berth, id, "cat", "/proc/1/oom_score_adj"), /^500$/m);
    assert.equal((await containerStatus(host.berth, id)).resources?.linux?.oomScoreAdj, 500n);
  });

  it("sets no lower oom_score_adj than the daemon may set, and reports the effective one", async () => {
    const pod = await TestPod.run(host.berth, "oom-score-low");
    const id = await pod.shell("main", host.image, sleeping);
    await update(id, { oomScoreAdj: -900n });
    const { pid } = await verboseInfo(host.berth, id);
    const score = BigInt(await readFile(`/proc/${pid}/oom_score_adj`, "utf8"));
    assert.equal((await containerStatus(host.berth, id)).resources?.linux?.oomScoreAdj, score);
  });

  it("rejects a memory limit below the usage, and leaves all limits unchanged", async () => {
    const pod = await TestPod.run(host.berth, "below-usage");
    const hold = "head -c 40000000 /dev/zero > /dev/shm/held; echo ready; exec sleep 1000";
    const id = await pod.shell("main", host.image, hold, {
      linux: { resources: { memoryLimitInBytes: 512n * MiB, cpuShares: 1000n } },
    });
    await eventually("it holds the memory", async () => (await pod.log("main")).includes("stdout F ready"));
    const before = await inForce(id);
    await assert.rejects(
      update(id, { memoryLimitInBytes: 16n * MiB, cpuShares: 2000n }),
      /FAILED_PRECONDITION: resources\.memory_limit_in_bytes: 16777216 is less than/,
    );
    assert.deepEqual(await inForce(id), before);
    assert.equal((await containerStatus(host.berth, id)).resources?.linux?.cpuShares, 1000n);
  });

  it("reverts earlier changes if the kernel refuses a limit", async () => {
    const pod = await TestPod.run(host.berth, "impossible");
    const id = await pod.shell("main", host.image, sleeping);
    const before = await inForce(id);
    await assert.rejects(
      update(id, { cpuQuota: 20_000n, cpusetCpus: "4000" }),
      /INVALID_ARGUMENT: resources/,
    );
    assert.deepEqual(await inForce(id), before);
    await assert.rejects(
      update(id, { memoryLimitInBytes: 64n * MiB, memorySwapLimitInBytes: 32n * MiB }),
      /INVALID_ARGUMENT: resources\.memory_swap_limit_in_bytes/,
    );
    await assert.rejects(update(id, { cpuPeriod: 10n }), /INVALID_ARGUMENT: linux\.cpu_period/);
    await assert.rejects(update(id, { unified: { "memory.high": "1" } }), /FAILED_PRECONDITION.*cgroup v2/);
  });

  it("changes only what it requests, even if that is nothing", async () => {
    const pod = await TestPod.run(host.berth, "nothing");
    const id = await pod.shell("main", host.image, sleeping, { linux: { resources: { cpuQuota: 50_000n } } });
    const before = await inForce(id);
    const request = UpdateContainerResourcesRequest.fromPartial({ containerId: id });
    await host.berth.clients.runtime.updateContainerResources(request);
    assert.deepEqual(await inForce(id), before);
    await update(id, { cpuQuota: -5n });
    assert.equal(await readCgroup(host.berth, id, "cpu", "cpu.cfs_quota_us"), "-1");
  });

  it("is rejected for a container that has exited, for an unknown one and for Windows", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "refused");
    const id = await pod.shell("main", host.image, "exit 0");
    await exited(host.berth, id);
    await assert.rejects(update(id, { cpuShares: 10n }), /FAILED_PRECONDITION.*has exited/);
    await assert.rejects(update("f".repeat(64), { cpuShares: 10n }), /NOT_FOUND/);
    const windows = UpdateContainerResourcesRequest.fromPartial({ containerId: id, linux: {}, windows: {} });
    await assert.rejects(runtime.updateContainerResources(windows), /INVALID_ARGUMENT: windows/);
  });

  it("is still known after a restart of the daemon, for further updates", async () => {
    const pod = await TestPod.run(host.berth, "restart");
    const id = await pod.shell("main", host.image, sleeping);
    const later = await pod.create(shellConfig("later", host.image, sleeping));
    await update(id, { cpuShares: 300n });
    await update(later, { cpuShares: 400n });
    await host.berth.restartDaemon("SIGKILL");
    assert.equal((await containerStatus(host.berth, id)).resources?.linux?.cpuShares, 300n);
    await update(id, { memoryLimitInBytes: 64n * MiB });
    assert.deepEqual((await inForce(id)).slice(2, 4), [300n, 64n * MiB].map(String));
    await host.berth.clients.runtime.startContainer({ containerId: later });
    assert.equal(await readCgroup(host.berth, later, "cpu", "cpu.shares"), "400");
  });
});

describe("UpdatePodSandboxResources", () => {
  const host = withBerth();

  it("is stored, shown, and passed on in a container's annotations", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "pod-size", {
      linux: { overhead: { cpuShares: 5n }, resources: { cpuQuota: 10_000n, memoryLimitInBytes: 32n * MiB } },
    });
    const size = async (name: string) => {
      const { runtimeSpec } = await verboseInfo(host.berth, await pod.shell(name, host.image, sleeping));
      const keys = ["sandbox-cpu-period", "sandbox-cpu-quota", "sandbox-cpu-shares", "sandbox-memory"];
      return keys.map((key) => runtimeSpec.annotations[`io.kubernetes.cri.${key}`]);
    };
    assert.deepEqual(await size("before"), ["0", "10000", "0", String(32n * MiB)]);
    const resources = {
      cpuPeriod: 100_000n,
      cpuQuota: 50_000n,
      cpuShares: 512n,
      memoryLimitInBytes: 64n * MiB,
    };
    await runtime.updatePodSandboxResources(
      UpdatePodSandboxResourcesRequest.fromPartial({ podSandboxId: pod.id, resources }),
    );
    assert.deepEqual(await size("after"), ["100000", "50000", "512", String(64n * MiB)]);
    await host.berth.restartDaemon();
    const { config } = await verboseSandboxInfo(host.berth, pod.id);
    assert.deepEqual(config.linux.resources, {
      cpu_period: 100_000,
      cpu_quota: 50_000,
      cpu_shares: 512,
      memory_limit_in_bytes: 64 * 2 ** 20,
    });
    assert.deepEqual(config.linux.overhead, { cpu_shares: 5 });
  });

  it("is rejected for a stopped pod, and for an unknown one", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "stopped");
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    const ask = (podSandboxId: string) =>
      runtime.updatePodSandboxResources(UpdatePodSandboxResourcesRequest.fromPartial({ podSandboxId }));
    await assert.rejects(ask(pod.id), /FAILED_PRECONDITION/);
    await assert.rejects(ask("f".repeat(64)), /NOT_FOUND/);
  });
});
