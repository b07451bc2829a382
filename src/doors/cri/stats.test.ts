import assert from "node:assert/strict";
import { test } from "node:test";
import { ListContainerStatsRequest, ListPodSandboxStatsRequest } from "../../ground/protocol/index.ts";
import { container, containerConfig, id, podSandboxConfig, sandbox } from "./testing/samples.ts";
import { refusal, serve } from "./testing/serve.ts";
import { network, usage } from "./testing/usage-samples.ts";

/** A door over a pod with one container that runs and one that does not. */
async function served() {
  const cri = await serve({ metrics: ["cpu", "memory", "network", "spec"] });
  const { engine } = cri;
  engine.usage = usage;
  engine.network = network;
  engine.sandboxTable.set(id("5a"), sandbox({ config: podSandboxConfig({ labels: { app: "web" } }) }));
  engine.sandboxTable.set(id("5b"), sandbox({ id: id("5b"), state: "notReady" }));
  const running = { kind: "running", pid: 7, startedAtNs: 3_000_000_000n } as const;
  const config = containerConfig({ labels: { app: "web" }, annotations: { note: "n" } });
  engine.containerTable.set(id("c0"), container({ state: running, config }));
  engine.containerTable.set(id("c1"), container({ id: id("c1") }));
  return cri;
}

test("what is not known is left out of stats, and a limit that was passed leaves nothing", async () => {
  await using cri = await served();
  const { stats } = await cri.runtime.containerStats({ containerId: "c0" });
  assert.deepEqual(stats?.attributes, {
    id: id("c0"),
    metadata: { name: "app", attempt: 0 },
    labels: { app: "web" },
    annotations: { note: "n" },
  });
  assert.deepEqual(stats.cpu, {
    timestamp: 7_000_000_000n,
    usageCoreNanoSeconds: { value: 2_500_000_000n },
    usageNanoCores: { value: 5n },
    psi: undefined,
  });
  assert.deepEqual([stats.swap, stats.memory?.availableBytes], [undefined, { value: 0n }]);
  assert.deepEqual(stats.writableLayer, {
    timestamp: 9n,
    fsId: { mountpoint: "/containers" },
    usedBytes: { value: 4096n },
    inodesUsed: { value: 3n },
  });
  const none = { Total: 3000n, Avg10: 0, Avg60: 0, Avg300: 0 };
  const some = { Total: 12_000n, Avg10: 1.5, Avg60: 0.5, Avg300: 0.25 };
  assert.deepEqual(stats.io, { timestamp: 7_000_000_000n, psi: { Full: none, Some: some } });
});

test("a pod's stats have its default interface, its tasks and its running containers", async () => {
  await using cri = await served();
  const { stats } = await cri.runtime.podSandboxStats({ podSandboxId: "5a" });
  assert.equal(stats?.linux?.network?.defaultInterface?.name, "eth1");
  assert.deepEqual(
    stats.linux.network.interfaces.map(({ name, rxBytes }) => [name, rxBytes?.value]),
    [
      ["eth0", 0n],
      ["eth1", 1n],
    ],
    "also the default one: a kubelet's Summary API shows no others",
  );
  assert.equal(stats.linux.process?.processCount?.value, 4n);
  assert.deepEqual(
    stats.linux.containers.map(({ attributes }) => attributes?.id),
    [id("c0")],
  );
});

test("lists have what runs and what the filter lets through", async () => {
  await using cri = await served();
  const containers = async (
    filter: Parameters<typeof ListContainerStatsRequest.fromPartial>[0]["filter"],
  ) => {
    const { stats } = await cri.runtime.listContainerStats(ListContainerStatsRequest.fromPartial({ filter }));
    return stats.map(({ attributes }) => attributes?.id);
  };
  assert.deepEqual(await containers(undefined), [id("c0")]);
  assert.deepEqual(await containers({ id: "c1" }), []);
  assert.deepEqual(await containers({ podSandboxId: "5a", labelSelector: { app: "web" } }), [id("c0")]);
  assert.deepEqual(await containers({ labelSelector: { app: "db" } }), []);
  const request = ListPodSandboxStatsRequest.fromPartial({ filter: { labelSelector: { app: "web" } } });
  const { stats } = await cri.runtime.listPodSandboxStats(request);
  assert.deepEqual(
    stats.map(({ attributes }) => attributes?.id),
    [id("5a")],
  );
  const all = await cri.runtime.listPodSandboxStats({ filter: undefined });
  assert.equal(all.stats.length, 1, "one that is not ready is not listed");
});

test("requests for stats are checked", async () => {
  await using cri = await served();
  await assert.rejects(
    cri.runtime.containerStats({ containerId: "" }),
    refusal("INVALID_ARGUMENT", /^container_id/),
  );
  await assert.rejects(
    cri.runtime.listContainerStats(
      ListContainerStatsRequest.fromPartial({ filter: { podSandboxId: "../x" } }),
    ),
    refusal("INVALID_ARGUMENT", /^filter.pod_sandbox_id/),
  );
  await assert.rejects(cri.runtime.podSandboxStats({ podSandboxId: "ff" }), refusal("NOT_FOUND"));
});

test("a metric is there only with its figure, in seconds where cAdvisor has seconds", async () => {
  await using cri = await served();
  const { podMetrics } = await cri.runtime.listPodSandboxMetrics({});
  assert.deepEqual(
    podMetrics.map(({ podSandboxId }) => podSandboxId),
    [id("5a")],
  );
  const [pod] = podMetrics;
  const metrics = pod?.containerMetrics[0]?.metrics ?? [];
  const value = (name: string) => metrics.find((one) => one.name === name)?.value?.value;
  const precise = (name: string) => metrics.find((one) => one.name === name)?.doubleValue?.value;
  assert.equal(value("container_cpu_usage_seconds_total"), 2n);
  assert.equal(precise("container_cpu_usage_seconds_total"), 2.5, "with what is behind the point");
  assert.equal(precise("container_memory_usage_bytes"), undefined, "bytes are whole");
  assert.equal(value("container_cpu_user_seconds_total"), undefined);
  assert.equal(value("container_memory_usage_bytes"), 1000n);
  assert.equal(value("container_last_seen"), 7n);
  assert.equal(value("container_start_time_seconds"), 3n);
  assert.equal(value("container_fs_usage_bytes"), undefined, "of a group that is off");
  assert.equal(pod?.metrics.length, 16, "eight of each interface");
  assert.ok(
    [...metrics, ...pod.metrics].every(({ timestamp }) => timestamp === 0n),
    "read just now",
  );
});
