import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  CgroupDriver,
  ContainerState,
  type LinuxContainerResources,
  PullImageRequest,
  UpdateContainerResourcesRequest,
} from "../../src/ground/protocol/index.ts";
import { bridgeNetwork } from "../support/berth.ts";
import { startBusyboxRegistry } from "../support/busybox.ts";
import { type CriClients, connectCri } from "../support/clients.ts";
import { eventually } from "../support/condition.ts";
import { containerStatus, execSync, exited, type PodHost, TestPod } from "../support/pod.ts";

const run = promisify(execFile);
const socket = "/run/berth/berth.sock";

/** What kubelets request on a machine with the systemd driver. */
const linux = { cgroupParent: "kubepods-burstable-podvm.slice" };

describe("berthd as a service of systemd, with cgroup v2 alone", () => {
  let registry: Awaited<ReturnType<typeof startBusyboxRegistry>>;
  let clients: CriClients;
  const host: PodHost = {
    get clients() {
      return clients;
    },
    logDir: "/var/log/pods",
  };

  before(async () => {
    registry = await startBusyboxRegistry();
    await mkdir("/etc/cni/net.d", { recursive: true });
    await writeFile("/etc/cni/net.d/10-test.conflist", JSON.stringify(bridgeNetwork()));
    await run("systemctl", ["start", "berthd"]);
    clients = await connectCri(socket, 60_000);
    await clients.images.pullImage(PullImageRequest.fromPartial({ image: { image: registry.image } }));
  });
  after(async () => {
    const { items } = await clients.runtime.listPodSandbox({ filter: undefined });
    for (const { id } of items) await clients.runtime.removePodSandbox({ podSandboxId: id });
    clients.close();
    await run("systemctl", ["stop", "berthd"]);
    await registry[Symbol.asyncDispose]();
  });

  it("is ready when systemd reports that it has started, with the systemd driver", async () => {
    const { linux } = await clients.runtime.runtimeConfig({});
    assert.equal(linux?.cgroupDriver, CgroupDriver.SYSTEMD);
    const { status } = await clients.runtime.status({ verbose: false });
    assert.deepEqual(
      status?.conditions.map(({ type, status, message }) => [type, status, message]),
      [
        ["RuntimeReady", true, ""],
        ["NetworkReady", true, ""],
      ],
    );
  });
  it("puts a container into a scope below the pod's slice, with its limits", async () => {
    const pod = await TestPod.run(host, "limits", { linux });
    const id = await pod.shell("main", registry.image, "exec sleep 100000", {
      linux: {
        resources: {
          memoryLimitInBytes: 64n * 2n ** 20n,
          cpuQuota: 50_000n,
          cpuPeriod: 100_000n,
          cpuShares: 512n,
          unified: { "memory.high": String(48 * 2 ** 20) },
        },
      },
    });
    const cgroup = await cgroupOf(host, id);
    assert.match(
      cgroup,
      /^\/kubepods\.slice\/kubepods-burstable\.slice\/kubepods-burstable-podvm\.slice\/[^/]+\.scope$/,
    );
    assert.deepEqual(
      await Promise.all(["memory.max", "memory.high", "cpu.max"].map((file) => cgroupFile(cgroup, file))),
      [String(64 * 2 ** 20), String(48 * 2 ** 20), "50000 100000"],
    );
    await run("systemctl", ["daemon-reload"]);
    assert.equal(await cgroupFile(cgroup, "memory.max"), String(64 * 2 ** 20));
    // The container sees only its own.
    assert.equal(await execSync(host, id, "cat", "/proc/self/cgroup"), "0::/\n");
  });

  it("changes the limits of a running container", async () => {
    const pod = await TestPod.run(host, "update", { linux });
    const id = await pod.shell("main", registry.image, "exec sleep 100000");
    const cgroup = await cgroupOf(host, id);
    assert.equal(await cgroupFile(cgroup, "memory.max"), "max");
    const resources = { memoryLimitInBytes: 32n * 2n ** 20n, cpuQuota: 20_000n, cpuPeriod: 100_000n };
    await clients.runtime.updateContainerResources(
      UpdateContainerResourcesRequest.fromPartial({ containerId: id, linux: resources }),
    );
    assert.equal(await cgroupFile(cgroup, "memory.max"), String(32 * 2 ** 20));
    assert.equal(await cgroupFile(cgroup, "cpu.max"), "20000 100000");
    // systemd must not undo it when it applies its own values.
    await run("systemctl", ["daemon-reload"]);
    assert.equal(await cgroupFile(cgroup, "memory.max"), String(32 * 2 ** 20));
  });

  for (const handler of ["crun", "runc"]) {
    it(`changes files of cgroup v2 as well, removes limits, and refuses limits below what is in use (${handler})`, async () => {
      const pod = await TestPod.run(host, `update-${handler}`, { linux }, handler);
      const script = "head -c 40000000 /dev/zero > /dev/shm/held; echo ready; exec sleep 100000";
      const containerId = await pod.shell("main", registry.image, script, {
        linux: {
          resources: { memoryLimitInBytes: 512n * 2n ** 20n, cpuQuota: 50_000n, cpuPeriod: 100_000n },
        },
      });
      await eventually("it holds memory", async () => (await pod.log("main")).includes("stdout F ready"));
      const cgroup = await cgroupOf(host, containerId);
      const update = (resources: Partial<LinuxContainerResources>) =>
        clients.runtime.updateContainerResources(
          UpdateContainerResourcesRequest.fromPartial({ containerId, linux: resources }),
        );
      await update({ cpuQuota: -1n, unified: { "memory.high": String(400 * 2 ** 20) } });
      assert.equal(await cgroupFile(cgroup, "cpu.max"), "max 100000");
      assert.equal(await cgroupFile(cgroup, "memory.high"), String(400 * 2 ** 20));
      await assert.rejects(
        update({ memoryLimitInBytes: 16n * 2n ** 20n }),
        /FAILED_PRECONDITION.*is less than/,
      );
      assert.equal(await cgroupFile(cgroup, "memory.max"), String(512 * 2 ** 20));
      assert.equal((await containerStatus(host, containerId)).state, ContainerState.CONTAINER_RUNNING);
    });
  }

  it("reports that a child of a container's first process was killed for lack of memory", async () => {
    const pod = await TestPod.run(host, "oom-child", { linux });
    const id = await pod.shell(
      "main",
      registry.image, // The scope must exist until its events have been read.
      "sh -c 'x=a; while true; do x=$x$x; done'; sleep 5; exit 0",
      {
        linux: { resources: { memoryLimitInBytes: 16n * 2n ** 20n } },
      },
    );
    const status = await exited(host, id);
    assert.deepEqual([status.exitCode, status.reason], [0, "OOMKilled"]);
  });

  it("reports a container's resource usage, and what it had to wait for", async () => {
    const pod = await TestPod.run(host, "stats", { linux });
    const id = await pod.shell("main", registry.image, "while true; do :; done");
    const stats = await eventually("its use is known", async () => {
      const { stats } = await clients.runtime.containerStats({ containerId: id });
      return (stats?.cpu?.usageNanoCores?.value ?? 0n) > 0n && stats;
    });
    assert.ok((stats.memory?.workingSetBytes?.value ?? 0n) > 0n);
    assert.ok((stats.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
    assert.ok(stats.cpu?.psi?.Some !== undefined);
    assert.ok(stats.memory?.psi?.Full !== undefined);
    await clients.runtime.stopContainer({ containerId: id, timeout: 0n });
  });

  it("reports a pod's resource usage from its slice, and every metric that cgroup v2 has figures for", async () => {
    const pod = await TestPod.run(host, "pod-stats", {
      linux: { cgroupParent: "kubepods-burstable-podvmstats.slice" },
    });
    const id = await pod.shell("main", registry.image, "exec sleep 100000", {
      linux: { resources: { memoryLimitInBytes: 64n * 2n ** 20n, cpuQuota: 20_000n, cpuPeriod: 100_000n } },
    });
    const { stats } = await clients.runtime.podSandboxStats({ podSandboxId: pod.id });
    assert.ok((stats?.linux?.memory?.workingSetBytes?.value ?? 0n) > 0n);
    assert.equal(stats?.linux?.process?.processCount?.value, 1n);
    assert.equal(stats.linux.network?.defaultInterface?.name, "eth0");
    assert.ok(stats.linux.io?.psi?.Some !== undefined);
    const { descriptors } = await clients.runtime.listMetricDescriptors({});
    // Version 2 has no maximum use of huge pages, and devices have figures only after their first I/O.
    const mayBeUnknown = /^container_(blkio|fs_(reads|writes)|hugetlb)_/;
    const missing = await eventually("the container's layer was measured", async () => {
      const { podMetrics } = await clients.runtime.listPodSandboxMetrics({});
      const ours = podMetrics.find(({ podSandboxId }) => podSandboxId === pod.id);
      const metrics = [...(ours?.metrics ?? []), ...(ours?.containerMetrics[0]?.metrics ?? [])];
      const names = new Set(metrics.map(({ name }) => name));
      if (!names.has("container_fs_usage_bytes")) return undefined;
      const value = (name: string) => metrics.find((metric) => metric.name === name)?.value?.value;
      assert.equal(value("container_spec_memory_limit_bytes"), 64n * 2n ** 20n);
      assert.equal(value("container_spec_cpu_quota"), 20_000n);
      assert.equal(value("container_processes"), 1n);
      return descriptors.filter(({ name }) => !names.has(name) && !mayBeUnknown.test(name));
    });
    assert.deepEqual(missing, []);
    await clients.runtime.stopContainer({ containerId: id, timeout: 0n });
  });

  it("reports that a container was killed for lack of memory", async () => {
    const pod = await TestPod.run(host, "oom", { linux });
    const id = await pod.shell("hungry", registry.image, "x=a; while true; do x=$x$x; done", {
      linux: { resources: { memoryLimitInBytes: 16n * 2n ** 20n } },
    });
    const status = await exited(host, id);
    assert.deepEqual([status.exitCode, status.reason], [137, "OOMKilled"]);
  });

  it("leaves containers running when systemd restarts it, and reports what ended in the meantime", async () => {
    const pod = await TestPod.run(host, "restart", { linux });
    const stays = await pod.shell("stays", registry.image, "exec sleep 100000");
    const ends = await pod.shell("ends", registry.image, "while [ ! -e /end ]; do sleep 0.1; done; exit 7");
    const before = await firstProcess(host, stays);
    clients.close();
    await run("systemctl", ["stop", "berthd"]);
    await writeFile(`/proc/${await pidOf("while [ ! -e /end ]")}/root/end`, "");
    await run("systemctl", ["start", "berthd"]);
    clients = await connectCri(socket, 60_000);
    assert.equal((await containerStatus(host, stays)).state, ContainerState.CONTAINER_RUNNING);
    assert.equal(await firstProcess(host, stays), before);
    assert.equal((await exited(host, ends)).exitCode, 7);
    assert.equal(await execSync(host, stays, "echo", "here"), "here\n");
  });

  it("is restarted by systemd when it is killed", async () => {
    const pod = await TestPod.run(host, "killed", { linux });
    const id = await pod.shell("main", registry.image, "exec sleep 100000");
    clients.close();
    await run("systemctl", ["kill", "--signal=SIGKILL", "--kill-whom=main", "berthd"]);
    await eventually("it serves again", async () => {
      const { stdout } = await run("systemctl", ["show", "--property=NRestarts", "--value", "berthd"]);
      return Number(stdout) >= 1 && (await isActive());
    });
    clients = await connectCri(socket, 60_000);
    assert.equal(await execSync(host, id, "echo", "here"), "here\n");
  });
});

async function isActive(): Promise<boolean> {
  return run("systemctl", ["is-active", "--quiet", "berthd"]).then(
    () => true,
    () => false,
  );
}

async function firstProcess({ clients }: PodHost, containerId: string): Promise<number> {
  const { info } = await clients.runtime.containerStatus({ containerId, verbose: true });
  return (JSON.parse(info.info ?? "{}") as { pid: number }).pid;
}

/** Path in the hierarchy of cgroup v2. */
async function cgroupOf(host: PodHost, containerId: string): Promise<string> {
  const text = await readFile(`/proc/${await firstProcess(host, containerId)}/cgroup`, "utf8");
  return text.trim().replace(/^0::/, "");
}

async function cgroupFile(cgroup: string, name: string): Promise<string> {
  return (await readFile(`/sys/fs/cgroup${cgroup}/${name}`, "utf8")).trim();
}

async function pidOf(script: string): Promise<number> {
  const { stdout } = await run("pgrep", [
    "--oldest",
    "--full",
    `^/bin/sh -c ${script.replaceAll(/[[\]]/g, "\\$&")}`,
  ]);
  return Number(stdout);
}
