import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { cgroupLayout } from "../src/ground/linux/index.ts";
import {
  type ContainerStats,
  type FilesystemUsage,
  ListContainerStatsRequest,
  ListPodSandboxStatsRequest,
  NamespaceMode,
  type PodSandboxStats,
  StreamContainerStatsRequest,
  type StreamContainerStatsResponse,
  type StreamPodSandboxMetricsResponse,
  StreamPodSandboxStatsRequest,
  type StreamPodSandboxStatsResponse,
} from "../src/ground/protocol/index.ts";
import { removeCgroup } from "../src/services/runtime/index.ts";
import type { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { unifiedCgroupFiles } from "./support/container-cgroup.ts";
import { testEngine } from "./support/engine.ts";
import { execSync, exited, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const MiB = 2n ** 20n;
const busy = "while true; do :; done";
/** A sandbox of Docker is also a container, whose process is the pod's. */
const hasSandboxProcess = testEngine === "docker";
const ofContainerd = "containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs";

/** A pattern for the paths of containers' own layers, whichever component stores them. */
function layersOf({ directory, root }: TestBerth): string {
  if (testEngine === "docker") return join(directory, "docker", "data", `{overlay2/*/diff,${ofContainerd}}`);
  return join(root, "snapshots", "overlayfs", "k8s.io", "*", "fs");
}

async function containerStats(berth: TestBerth, containerId: string): Promise<ContainerStats> {
  const { stats } = await berth.clients.runtime.containerStats({ containerId });
  assert.ok(stats !== undefined);
  return stats;
}

/** An answer waits for the first figure, but only for a while. */
function writableLayer(berth: TestBerth, containerId: string): Promise<FilesystemUsage> {
  return eventually(
    "the layer was measured",
    async () => (await containerStats(berth, containerId)).writableLayer,
  );
}

async function podStats(berth: TestBerth, podSandboxId: string): Promise<PodSandboxStats> {
  const { stats } = await berth.clients.runtime.podSandboxStats({ podSandboxId });
  assert.ok(stats !== undefined);
  return stats;
}

async function listed(
  berth: TestBerth,
  filter: Parameters<typeof ListContainerStatsRequest.fromPartial>[0]["filter"] = {},
): Promise<readonly string[]> {
  const { stats } = await berth.clients.runtime.listContainerStats(
    ListContainerStatsRequest.fromPartial({ filter }),
  );
  return stats.map(({ attributes }) => attributes?.id ?? "");
}

describe("stats of containers", () => {
  const host = withBerth({
    config: '[stats]\nsample_period = "1s"\nwritable_layer_period = "100ms"',
  });

  it("show CPU time and its current rate, memory with what is left below the limit, and swap", async () => {
    const pod = await TestPod.run(host.berth, "figures");
    const id = await pod.shell("busy", host.image, busy, {
      labels: { app: "figures" },
      annotations: { note: "n" },
      linux: { resources: { memoryLimitInBytes: 64n * MiB } },
    });
    const stats = await eventually("a hundredth of a CPU is seen in use", async () => {
      const { cpu, ...others } = await containerStats(host.berth, id);
      return (cpu?.usageNanoCores?.value ?? 0n) > 10_000_000n && { cpu, ...others };
    });
    assert.deepEqual(stats.attributes, {
      id,
      metadata: { name: "busy", attempt: 0 },
      labels: { app: "figures" },
      annotations: { note: "n" },
    });
    assert.ok((stats.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
    const { memory, swap } = stats;
    assert.ok((memory?.usageBytes?.value ?? 0n) >= (memory?.workingSetBytes?.value ?? 0n));
    assert.equal((memory?.workingSetBytes?.value ?? 0n) + (memory?.availableBytes?.value ?? 0n), 64n * MiB);
    assert.ok((memory?.rssBytes?.value ?? 0n) > 0n && (memory?.pageFaults?.value ?? 0n) > 0n);
    assert.notEqual(memory?.majorPageFaults, undefined);
    assert.deepEqual([swap?.swapUsageBytes?.value, swap?.swapAvailableBytes?.value], [0n, 0n]);
    for (const part of [stats.cpu, memory, swap]) assert.ok((part?.timestamp ?? 0n) > 0n);
  });

  it("omit what is left below the limit if there is no limit", async () => {
    const pod = await TestPod.run(host.berth, "unlimited");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const { memory, swap } = await containerStats(host.berth, id);
    assert.deepEqual([memory?.availableBytes, swap?.swapAvailableBytes], [undefined, undefined]);
    assert.ok((memory?.usageBytes?.value ?? 0n) > 0n);
  });

  it("show what the container has written into its own layer, and when that was measured", async () => {
    const pod = await TestPod.run(host.berth, "layer");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const before = await writableLayer(host.berth, id);
    assert.ok((before.usedBytes?.value ?? 0n) < 4n * MiB);
    await execSync(host.berth, id, "sh", "-c", "mkdir /d; dd if=/dev/zero of=/d/big bs=1M count=4; sync");
    const after = await eventually("the layer was measured anew", async () => {
      const layer = await writableLayer(host.berth, id);
      return (layer.usedBytes?.value ?? 0n) >= 4n * MiB && layer;
    });
    assert.ok(after.timestamp > before.timestamp);
    assert.equal((after.inodesUsed?.value ?? 0n) - (before.inodesUsed?.value ?? 0n), 2n);
    const { containerFilesystems } = await host.berth.clients.images.imageFsInfo({});
    assert.equal(after.fsId?.mountpoint, containerFilesystems[0]?.fsId?.mountpoint);
  });

  it("include pressure if the kernel accounts for it by cgroup", async () => {
    const pod = await TestPod.run(host.berth, "pressure");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const files = await unifiedCgroupFiles(host.berth, id);
    const { cpu, memory, io } = await containerStats(host.berth, id);
    const has = [cpu?.psi, memory?.psi, io?.psi].map((psi) => psi?.Some !== undefined);
    assert.deepEqual(
      has,
      ["cpu", "memory", "io"].map((resource) => files.includes(`${resource}.pressure`)),
    );
  });

  it("list running containers, with filters", async () => {
    const pod = await TestPod.run(host.berth, "filters");
    const labels = { app: "filters" };
    const one = await pod.shell("one", host.image, "exec sleep 1000", { labels });
    const two = await pod.shell("two", host.image, "exec sleep 1000");
    const ended = await pod.shell("ended", host.image, "echo x > /left", { labels });
    await exited(host.berth, ended);
    assert.deepEqual(await listed(host.berth, { labelSelector: labels }), [one]);
    assert.deepEqual(await listed(host.berth, { id: two }), [two]);
    assert.deepEqual([...(await listed(host.berth, { podSandboxId: pod.id }))].sort(), [one, two].sort());
    const all = await listed(host.berth);
    assert.ok(all.includes(one) && all.includes(two) && !all.includes(ended));
    const left = await containerStats(host.berth, ended);
    assert.deepEqual([left.attributes?.id, left.cpu, left.memory], [ended, undefined, undefined]);
    assert.ok(((await writableLayer(host.berth, ended)).usedBytes?.value ?? 0n) > 0n);
    await assert.rejects(containerStats(host.berth, "f".repeat(64)), /NOT_FOUND/);
  });

  it("are available as a stream, too", async () => {
    const pod = await TestPod.run(host.berth, "streams");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const { rawRuntime } = host.berth.clients;
    const request = StreamContainerStatsRequest.fromPartial({ filter: { podSandboxId: pod.id } });
    const containers = await Array.fromAsync<StreamContainerStatsResponse>(
      rawRuntime.streamContainerStats(request),
    );
    assert.deepEqual(
      containers.flatMap(({ containerStats }) => containerStats.map(({ attributes }) => attributes?.id)),
      [id],
    );
    const ofPod = StreamPodSandboxStatsRequest.fromPartial({ filter: { id: pod.id } });
    const pods = await Array.fromAsync<StreamPodSandboxStatsResponse>(
      rawRuntime.streamPodSandboxStats(ofPod),
    );
    assert.deepEqual(
      pods.flatMap(({ podSandboxStats }) => podSandboxStats.map(({ attributes }) => attributes?.id)),
      [pod.id],
    );
    const metrics = await Array.fromAsync<StreamPodSandboxMetricsResponse>(
      rawRuntime.streamPodSandboxMetrics({}),
    );
    assert.ok(
      metrics.some(({ podSandboxMetrics }) =>
        podSandboxMetrics.some(({ podSandboxId }) => podSandboxId === pod.id),
      ),
    );
  });

  it("continue after a restart of the daemon", async () => {
    const pod = await TestPod.run(host.berth, "restart");
    const id = await pod.shell("busy", host.image, busy);
    const before = await containerStats(host.berth, id);
    await host.berth.restartDaemon();
    const after = await eventually("the rate is known again", async () => {
      const stats = await containerStats(host.berth, id);
      return (stats.cpu?.usageNanoCores?.value ?? 0n) > 0n && stats;
    });
    const total = ({ cpu }: ContainerStats) => cpu?.usageCoreNanoSeconds?.value ?? 0n;
    assert.ok(total(after) > total(before) && total(before) > 0n);
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });
});

describe("stats of pods", () => {
  const host = withBerth({ config: '[stats]\nsample_period = "1s"' });
  const parents: string[] = [];
  // As sd_booted(3) does; the daemon chooses its cgroup driver by that.
  const isSystemd = existsSync("/run/systemd/system");

  after(async () => {
    const layout = await cgroupLayout();
    assert.ok(layout !== undefined);
    // A slice disappears by itself.
    if (!isSystemd) for (const parent of parents) await removeCgroup(layout, parent);
  });

  /** A separate cgroup parent, as a kubelet gives to each pod. */
  function cgroupParent(): string {
    const name = `berth-test-stats-${process.pid}-${parents.length}`;
    const parent = isSystemd ? `${name}.slice` : `/${name}`;
    parents.push(parent);
    return parent;
  }

  it("are the sum of the containers' if the pod has no cgroup of its own", async () => {
    const pod = await TestPod.run(host.berth, "sum", { labels: { app: "sum" } });
    const ids = [
      await pod.shell("one", host.image, busy),
      await pod.shell("two", host.image, "sleep 1000 & exec sleep 1000"),
    ];
    const processes = hasSandboxProcess ? 4n : 3n;
    const stats = await eventually("both tasks of the second are there", async () => {
      const found = await podStats(host.berth, pod.id);
      return found.linux?.process?.processCount?.value === processes && found;
    });
    const { linux, attributes } = stats;
    assert.deepEqual(attributes, {
      id: pod.id,
      metadata: pod.config.metadata,
      labels: { app: "sum" },
      annotations: {},
    });
    const containers = linux?.containers ?? [];
    assert.deepEqual(containers.map((one) => one.attributes?.id).sort(), [...ids].sort());
    const isSum = (figure: (one: Pick<ContainerStats, "cpu" | "memory">) => bigint | undefined) => {
      const total = figure({ cpu: linux?.cpu, memory: linux?.memory }) ?? 0n;
      const rest = containers.reduce((left, one) => left - (figure(one) ?? 0n), total);
      assert.ok(hasSandboxProcess ? rest > 0n : rest === 0n, `${rest} of ${total}`);
    };
    isSum(({ cpu }) => cpu?.usageCoreNanoSeconds?.value);
    isSum(({ memory }) => memory?.usageBytes?.value);
    isSum(({ memory }) => memory?.workingSetBytes?.value);
  });

  it("are those of the cgroup from the pod's client, unless that is shared by several pods", async () => {
    const cgroup = cgroupParent();
    const own = await TestPod.run(host.berth, "own", { linux: { cgroupParent: cgroup } });
    await own.shell("busy", host.image, busy);
    const rate = await eventually("the pod's rate is known", async () => {
      const { linux } = await podStats(host.berth, own.id);
      return linux?.cpu?.usageNanoCores?.value;
    });
    assert.ok(rate > 0n);
    const { linux } = await podStats(host.berth, own.id);
    const inside = linux?.containers[0]?.memory?.usageBytes?.value ?? 0n;
    assert.ok(inside > 0n && (linux?.memory?.usageBytes?.value ?? 0n) > 0n);
    assert.ok((linux?.process?.processCount?.value ?? 0n) >= 1n);
    const other = await TestPod.run(host.berth, "other", { linux: { cgroupParent: cgroup } });
    await other.shell("idle", host.image, "exec sleep 1000");
    const shared = (await podStats(host.berth, other.id)).linux;
    const ofContainer = shared?.containers[0]?.cpu?.usageCoreNanoSeconds?.value ?? 0n;
    const ofPod = shared?.cpu?.usageCoreNanoSeconds?.value ?? 0n;
    assert.ok(hasSandboxProcess ? ofPod > ofContainer : ofPod === ofContainer, `${ofPod}, ${ofContainer}`);
    const ofOther = linux?.cpu?.usageCoreNanoSeconds?.value ?? 0n;
    assert.ok(ofPod < ofOther, "what the other pod uses is not this one's");
  });

  it("count the traffic of the interfaces of the pod's network", async () => {
    const pod = await TestPod.run(host.berth, "network");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const sent = async () => {
      const { linux } = await podStats(host.berth, pod.id);
      assert.equal(linux?.network?.defaultInterface?.name, "eth0");
      assert.deepEqual(
        linux.network.interfaces.map(({ name }) => name),
        ["eth0"],
        "a kubelet's Summary API shows those alone",
      );
      return linux.network.defaultInterface.txBytes?.value ?? 0n;
    };
    const before = await sent();
    const gateway = (await pod.ip()).replace(/\d+$/, "1");
    await execSync(host.berth, id, "ping", "-c", "1", "-s", "1000", gateway);
    assert.ok((await sent()) >= before + 1000n);
  });

  it("have no network figures on the host's network", async () => {
    const pod = await TestPod.run(host.berth, "host-network", {
      linux: {
        securityContext: {
          namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER },
        },
      },
    });
    await pod.shell("main", host.image, "exec sleep 1000");
    const { linux } = await podStats(host.berth, pod.id);
    assert.equal(linux?.network, undefined);
    assert.ok((linux?.memory?.usageBytes?.value ?? 0n) > 0n);
  });

  it("list ready pods; a stopped one has no figures", async () => {
    const labels = { app: "stopped" };
    const pod = await TestPod.run(host.berth, "stopped", { labels });
    await pod.shell("main", host.image, "exec sleep 1000");
    const list = async () => {
      const filter = { labelSelector: labels };
      const request = ListPodSandboxStatsRequest.fromPartial({ filter });
      const { stats } = await host.berth.clients.runtime.listPodSandboxStats(request);
      return stats.map(({ attributes }) => attributes?.id);
    };
    assert.deepEqual(await list(), [pod.id]);
    await host.berth.clients.runtime.stopPodSandbox({ podSandboxId: pod.id });
    assert.deepEqual(await list(), []);
    const { attributes, linux } = await podStats(host.berth, pod.id);
    assert.deepEqual([attributes?.id, linux?.cpu, linux?.containers], [pod.id, undefined, []]);
  });
});

describe("the sizes of containers' layers", () => {
  const host = withBerth({ config: '[stats]\nwritable_layer_period = "1h"' });

  /** The kernel updates a directory's access time on a read if that is before its last change. */
  const longAgo = new Date(0);

  it("do not require a request to walk a file system", async () => {
    const { runtime, images } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "walks");
    const ids = await Promise.all(
      ["one", "two", "three"].map((name) =>
        pod.shell(name, host.image, "mkdir -p /a/b; echo x > /a/b/c; exec sleep 1000"),
      ),
    );
    const directories = await eventually("each container has written", async () => {
      const written = await Array.fromAsync(glob(join(layersOf(host.berth), "a/b/c")));
      return written.length === ids.length && written.map((file) => dirname(file));
    });
    const readSince = async () => {
      const times = await Promise.all(directories.map(async (directory) => (await stat(directory)).atimeMs));
      return times.filter((atMs) => atMs !== longAgo.getTime()).length;
    };
    const forget = () => Promise.all(directories.map((directory) => utimes(directory, longAgo, new Date())));
    await forget();
    await eventually("each was measured once", async () => {
      const { stats } = await runtime.listContainerStats({ filter: undefined });
      return stats.every(({ writableLayer }) => (writableLayer?.usedBytes?.value ?? 0n) > 0n);
    });
    assert.equal(await readSince(), ids.length, "a walk is seen");
    await forget();
    for (let round = 0; round < 20; round++) {
      await runtime.listContainerStats({ filter: undefined });
      await runtime.listPodSandboxStats({ filter: undefined });
      await runtime.listPodSandboxMetrics({});
      await runtime.containerStats({ containerId: ids[0] ?? "" });
      await images.imageFsInfo({});
    }
    assert.equal(await readSince(), 0);
  });
});
