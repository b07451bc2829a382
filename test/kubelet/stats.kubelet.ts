/** A kubelet's statistics of its pods, with the runtime's figures alone and together with cAdvisor's. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeName, type TestKubelet } from "../support/kubelet.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const busy = "trap 'exit 0' TERM; echo written >/file; while true; do sleep 0.01; done";

type Figures = {
  readonly cpu?: { readonly usageCoreNanoSeconds?: number; readonly usageNanoCores?: number };
  readonly memory?: { readonly workingSetBytes?: number };
};
type PodFigures = Figures & {
  readonly podRef: { readonly name: string };
  readonly containers?: readonly (Figures & {
    readonly name: string;
    readonly rootfs?: { readonly usedBytes?: number };
    readonly logs?: object;
  })[];
  readonly network?: { readonly name?: string; readonly rxBytes?: number };
  readonly process_stats?: { readonly process_count?: number };
};

async function summaryOf(kubelet: TestKubelet, name: string): Promise<PodFigures | undefined> {
  const { status, body } = await kubelet.ask("/stats/summary");
  if (status !== 200) throw new Error(`the kubelet answered ${status}: ${body}`);
  const { pods }: { readonly pods: readonly PodFigures[] } = JSON.parse(body);
  return pods.find(({ podRef }) => podRef.name === `${name}-${nodeName}`);
}

/** The figures that a pod and its container have in every configuration. */
function hasFigures(pod: PodFigures | undefined): boolean {
  const [main] = pod?.containers ?? [];
  return [pod, main].every(
    (each) =>
      (each?.cpu?.usageCoreNanoSeconds ?? 0) > 0 &&
      (each?.cpu?.usageNanoCores ?? 0) > 0 &&
      (each?.memory?.workingSetBytes ?? 0) > 0,
  );
}

describe("a kubelet that takes its figures from the runtime", () => {
  const host = withKubelet({
    featureGates: { PodAndContainerStatsFromCRI: true },
  });

  it("reports the resource usage of pods and containers", async () => {
    await host.kubelet.run("figures", { spec: { containers: [host.shell("main", busy)] } });
    const pod = await host.kubelet.until("it has all figures", async () => {
      const found = await summaryOf(host.kubelet, "figures");
      return hasFigures(found) && found;
    });
    assert.equal(pod.network?.name, "eth0");
    assert.ok((pod.process_stats?.process_count ?? 0) >= 1);
    const [main] = pod.containers ?? [];
    assert.equal(main?.name, "main");
    assert.ok((main?.rootfs?.usedBytes ?? 0) > 0);
    assert.notEqual(main?.logs, undefined);

    const metrics = await host.kubelet.ask("/metrics/cadvisor");
    const labels = new RegExp(`container="main",.*namespace="default",pod="figures-${nodeName}"`);
    const line = (name: string) => metrics.body.split("\n").find((each) => each.startsWith(`${name}{`)) ?? "";
    assert.match(line("container_memory_working_set_bytes"), labels);
    assert.match(line("container_cpu_usage_seconds_total"), labels);
    assert.match(
      line("container_network_receive_bytes_total"),
      new RegExp(`interface="eth0".*pod="figures-${nodeName}"`),
    );
    const resource = await host.kubelet.ask("/metrics/resource");
    assert.match(
      resource.body,
      new RegExp(`container_memory_working_set_bytes\\{container="main".*pod="figures-${nodeName}"`),
    );
    assert.match(resource.body, new RegExp(`pod_cpu_usage_seconds_total\\{.*pod="figures-${nodeName}"`));
    assert.match(resource.body, /resource_scrape_error 0\n/);
    // No figure of either was rejected or dropped.
    assert.doesNotMatch(
      await host.kubelet.log(),
      /Error getting CRI prometheus metric|error gathering metrics/,
    );
    await host.kubelet.remove("figures");
  });

  it("reports the disk usage of images and containers' layers", async () => {
    const { node } = JSON.parse((await host.kubelet.ask("/stats/summary")).body);
    assert.ok(node.runtime.imageFs.usedBytes > 0);
    assert.ok(node.runtime.containerFs.capacityBytes > 0);
  });
});

describe("a kubelet with default settings", () => {
  const host = withKubelet();

  it("reports the resource usage of pods and containers, but not of networks", async () => {
    await host.kubelet.run("figures", { spec: { containers: [host.shell("main", busy)] } });
    const pod = await host.kubelet.until("it has all figures", async () => {
      const found = await summaryOf(host.kubelet, "figures");
      return hasFigures(found) && found;
    });
    // Its cAdvisor finds containers through containerd's and CRI-O's sockets.
    assert.equal(pod.network, undefined);
    const { body } = await host.kubelet.ask("/metrics/cadvisor");
    assert.match(body, /^container_memory_working_set_bytes\{container="",.*pod="figures-/m);
    assert.doesNotMatch(body, /container="main"/);
    const resource = await host.kubelet.ask("/metrics/resource");
    assert.match(
      resource.body,
      new RegExp(`container_memory_working_set_bytes\\{container="main".*pod="figures-${nodeName}"`),
    );
    await host.kubelet.remove("figures");
  });
});

describe("a kubelet with default settings that finds berth at containerd's socket", () => {
  const host = withKubelet(
    {},
    {
      config: '[containerd_api]\naddress = "/run/containerd/containerd.sock"\n',
    },
  );

  it("has the pods' networks in its summary, and every series of containers and pods", async () => {
    await host.kubelet.run("figures", { spec: { containers: [host.shell("main", busy)] } });
    const pod = await host.kubelet.until("it has all figures", async () => {
      const found = await summaryOf(host.kubelet, "figures");
      return hasFigures(found) && found?.network !== undefined && found;
    });
    assert.equal(pod.network?.name, "eth0");

    const body = await host.kubelet.until("cAdvisor has looked", async () => {
      const metrics = await host.kubelet.ask("/metrics/cadvisor");
      return metrics.body.includes('container="main"') && metrics.body;
    });
    const [sandbox] = await host.kubelet.sandboxes("figures");
    const ofPod = (line: string) => line.includes(`pod="figures-${nodeName}"`);
    const seen = new Set(
      body
        .split("\n")
        .filter(ofPod)
        .map((line) => `${line.slice(0, line.indexOf("{"))} ${/container="(.*?)"/.exec(line)?.[1]}`),
    );
    // What berth itself reports about the same pod, for series that cAdvisor has at all.
    const names = new Set(body.split("\n").map((line) => line.slice(0, line.indexOf("{"))));
    const { podMetrics } = await host.berth.clients.runtime.listPodSandboxMetrics({});
    const own = podMetrics.find(({ podSandboxId }) => podSandboxId === sandbox?.id);
    const main =
      own?.containerMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => `${name} main`)) ?? [];
    const whole = own?.metrics.map(({ name }) => `${name} `) ?? [];
    // cAdvisor does not measure a container's own layer with containerd either.
    const layers = /^container_fs_(?:usage_bytes|limit_bytes|inodes_total|inodes_free) /;
    const told = [...new Set([...main, ...whole])].filter(
      (each) => names.has(each.split(" ")[0] ?? "") && !layers.test(each),
    );
    assert.ok(told.includes("container_cpu_usage_seconds_total main"));
    assert.ok(told.includes("container_network_receive_bytes_total "), told.join());
    assert.deepEqual(
      told.filter((each) => !seen.has(each)),
      [],
    );
    assert.match(
      body,
      new RegExp(`^container_network_receive_bytes_total{.*interface="eth0".*pod="figures-${nodeName}"`, "m"),
    );
    await host.kubelet.remove("figures");
  });
});
