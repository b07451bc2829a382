import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Metric, MetricType, type PodSandboxMetrics } from "../src/ground/protocol/index.ts";
import type { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

/** The metrics of containers from a kubelet with cAdvisor, which critest requires. */
const cadvisorNames = `
  blkio_device_usage_total
  cpu_cfs_periods_total cpu_cfs_throttled_periods_total cpu_cfs_throttled_seconds_total
  cpu_system_seconds_total cpu_usage_seconds_total cpu_user_seconds_total
  file_descriptors
  fs_inodes_free fs_inodes_total fs_limit_bytes fs_usage_bytes
  fs_reads_bytes_total fs_reads_total fs_writes_bytes_total fs_writes_total
  hugetlb_max_usage_bytes hugetlb_usage_bytes
  last_seen
  memory_cache memory_failcnt memory_failures_total memory_kernel_usage memory_mapped_file memory_max_usage_bytes
  memory_rss memory_swap memory_usage_bytes memory_working_set_bytes
  network_receive_bytes_total network_receive_errors_total network_receive_packets_dropped_total
  network_receive_packets_total network_transmit_bytes_total network_transmit_errors_total
  network_transmit_packets_dropped_total network_transmit_packets_total
  oom_events_total
  pressure_cpu_stalled_seconds_total pressure_cpu_waiting_seconds_total
  pressure_io_stalled_seconds_total pressure_io_waiting_seconds_total
  pressure_memory_stalled_seconds_total pressure_memory_waiting_seconds_total
  processes sockets
  spec_cpu_period spec_cpu_quota spec_cpu_shares spec_memory_limit_bytes spec_memory_reservation_limit_bytes
  spec_memory_swap_limit_bytes
  start_time_seconds threads threads_max ulimits_soft`
  .trim()
  .split(/\s+/)
  .map((name) => `container_${name}`);

/** A device's figures are known only after it was used; pressure and huge pages depend on the kernel. */
const mayBeUnknown = /^container_(blkio|fs_(reads|writes)|hugetlb|pressure)_/;

async function metricsOf(berth: TestBerth, podSandboxId: string): Promise<PodSandboxMetrics> {
  const { podMetrics } = await berth.clients.runtime.listPodSandboxMetrics({});
  const found = podMetrics.find((one) => one.podSandboxId === podSandboxId);
  assert.ok(found !== undefined);
  return found;
}

const allOf = ({ metrics, containerMetrics }: PodSandboxMetrics): readonly Metric[] => [
  ...metrics,
  ...containerMetrics.flatMap((one) => one.metrics),
];

describe("metrics", () => {
  const host = withBerth();

  /** The metrics with one name, with their labels by key. */
  async function named(pod: PodSandboxMetrics, name: string) {
    const { descriptors } = await host.berth.clients.runtime.listMetricDescriptors({});
    const keys = descriptors.find((one) => one.name === name)?.labelKeys ?? [];
    return allOf(pod)
      .filter((metric) => metric.name === name)
      .map(({ value, metricType, labelValues }) => ({
        value: value?.value ?? -1n,
        metricType,
        labels: Object.fromEntries(keys.map((key, index) => [key, labelValues[index]])),
      }));
  }

  it("have cAdvisor's names, help and labels, and consistent values", async () => {
    const { descriptors } = await host.berth.clients.runtime.listMetricDescriptors({});
    const names = descriptors.map(({ name }) => name);
    assert.deepEqual(
      cadvisorNames.filter((name) => !names.includes(name)),
      [],
    );
    assert.equal(new Set(names).size, names.length);
    for (const { help, labelKeys } of descriptors) assert.ok(help !== "" && labelKeys.length > 0);
    const pod = await TestPod.run(host.berth, "names");
    await pod.shell("main", host.image, "exec sleep 1000", {
      linux: { resources: { memoryLimitInBytes: 64n * 2n ** 20n, cpuQuota: 20_000n, cpuPeriod: 100_000n } },
    });
    const found = await eventually("the container's layer was measured", async () => {
      const metrics = allOf(await metricsOf(host.berth, pod.id));
      return metrics.some(({ name }) => name === "container_fs_usage_bytes") && metrics;
    });
    for (const { name, labelKeys } of descriptors) {
      const values = found.filter((metric) => metric.name === name);
      if (!mayBeUnknown.test(name)) assert.notEqual(values.length, 0, `${name} has a value`);
      for (const { labelValues, timestamp, value } of values) {
        assert.equal(labelValues.length, labelKeys.length, `labels of ${name}`);
        assert.ok(value !== undefined);
        assert.equal(timestamp > 0n, name === "container_fs_usage_bytes", `${name}: a time if it was kept`);
      }
    }
    assert.deepEqual(
      found.filter(({ name }) => !names.includes(name)),
      [],
      "none without a descriptor",
    );
  });

  it("are labelled with their owners, as the kubelet labels cAdvisor's", async () => {
    const pod = await TestPod.run(host.berth, "labels");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const metrics = await metricsOf(host.berth, pod.id);
    const [memory] = await named(metrics, "container_memory_usage_bytes");
    assert.deepEqual(memory?.labels, {
      container: "main",
      id: `/berth/${id}`,
      image: host.image,
      name: id,
      namespace: "default",
      pod: "labels",
    });
    const [received] = await named(metrics, "container_network_receive_bytes_total");
    assert.deepEqual(
      [received?.labels.container, received?.labels.pod, received?.labels.interface],
      ["", "labels", "eth0"],
    );
    assert.equal(received?.metricType, MetricType.COUNTER);
    assert.equal(memory.metricType, MetricType.GAUGE);
  });

  it("show the kernel's limits, the processes, and their open files", async () => {
    const pod = await TestPod.run(host.berth, "limits");
    const startedAfter = BigInt(Math.floor(Date.now() / 1000));
    const id = await pod.shell("main", host.image, "sleep 1000 & exec sleep 1000 < /dev/null", {
      linux: {
        resources: {
          memoryLimitInBytes: 64n * 2n ** 20n,
          cpuShares: 512n,
          cpuQuota: 20_000n,
          cpuPeriod: 100_000n,
        },
      },
    });
    // Each has standard input, output and error.
    const metrics = await eventually("both run", async () => {
      const found = await metricsOf(host.berth, pod.id);
      const [processes] = await named(found, "container_processes");
      const [descriptors] = await named(found, "container_file_descriptors");
      return processes?.value === 2n && descriptors?.value === 6n && found;
    });
    const value = async (name: string) => (await named(metrics, `container_${name}`))[0]?.value;
    assert.equal(await value("spec_memory_limit_bytes"), 64n * 2n ** 20n);
    assert.equal(await value("spec_cpu_quota"), 20_000n);
    assert.equal(await value("spec_cpu_period"), 100_000n);
    assert.equal(await value("spec_cpu_shares"), 512n);
    assert.equal(await value("threads"), 2n);
    assert.equal(await value("sockets"), 0n);
    assert.ok(((await value("start_time_seconds")) ?? 0n) >= startedAfter);
    const limit = await execSync(host.berth, id, "sh", "-c", "ulimit -S -n");
    assert.equal(await value("ulimits_soft"), BigInt(limit.trim()));
  });

  it("count throttling by the CPU quota, and processes killed when out of memory", async () => {
    const pod = await TestPod.run(host.berth, "counts");
    await pod.shell("busy", host.image, "while true; do :; done", {
      linux: { resources: { cpuQuota: 2_000n, cpuPeriod: 100_000n } },
    });
    await pod.shell("hungry", host.image, "sh -c 'x=a; while true; do x=$x$x; done'; exec sleep 1000", {
      linux: { resources: { memoryLimitInBytes: 16n * 2n ** 20n } },
    });
    const of = async (name: string, container: string) => {
      const found = await named(await metricsOf(host.berth, pod.id), name);
      return found.find(({ labels }) => labels.container === container)?.value ?? 0n;
    };
    await eventually("it was throttled", async () => {
      const throttled = await of("container_cpu_cfs_throttled_periods_total", "busy");
      return throttled > 0n && (await of("container_cpu_cfs_periods_total", "busy")) >= throttled;
    });
    await eventually("a process was killed", async () => {
      return (await of("container_oom_events_total", "hungry")) > 0n;
    });
    assert.equal(await of("container_oom_events_total", "busy"), 0n);
  });
});

describe("metrics of the groups in the configuration", () => {
  const host = withBerth({ config: '[stats]\nmetrics = ["cpu", "tasks"]' });

  it("are the only ones, except for the time when a container was last seen", async () => {
    const { descriptors } = await host.berth.clients.runtime.listMetricDescriptors({});
    const names = descriptors.map(({ name }) => name);
    assert.ok(names.every((name) => /^container_(cpu_|tasks_state$|last_seen$)/.test(name)));
    const pod = await TestPod.run(host.berth, "groups");
    await pod.shell("main", host.image, "exec sleep 1000");
    const found = await eventually("it sleeps", async () => {
      const metrics = allOf(await metricsOf(host.berth, pod.id));
      const sleeping = metrics.find(
        ({ name, labelValues }) => name === "container_tasks_state" && labelValues.at(-1) === "sleeping",
      );
      return sleeping?.value?.value === 1n && metrics;
    });
    assert.deepEqual([...new Set(found.map(({ name }) => name))].sort(), [...names].sort());
  });
});
