import assert from "node:assert/strict";
import test from "node:test";
import type { Container, PodSpec } from "../../manifests/index.ts";
import { containerResources } from "./container-resources.ts";
import { podLimitsOf } from "./pod-limits.ts";
import { qosClass } from "./qos-class.ts";

type Quantities = Readonly<Record<string, string>>;
const container = (limits?: Quantities, requests?: Quantities, more: Partial<Container> = {}): Container => ({
  name: "main",
  image: "image",
  resources: { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) },
  ...more,
});
const spec = (containers: readonly Container[], more: Partial<PodSpec> = {}): PodSpec => ({
  containers,
  ...more,
});
const machine = { bytes: 16 * 2 ** 30, hugePageSizes: [2 * 2 ** 20], swap: "alone" } as const;
const score = (pod: PodSpec, of = pod.containers[0]) =>
  of && Number(containerResources(pod, of, machine).oomScoreAdj);

test("a pod's class follows from the requests of all its containers", () => {
  assert.equal(qosClass(spec([container()])), "BestEffort");
  assert.equal(qosClass(spec([container(undefined, { cpu: "100m" })])), "Burstable");
  assert.equal(qosClass(spec([container({ cpu: "1", memory: "1Gi" })])), "Guaranteed");
  assert.equal(qosClass(spec([container({ cpu: "1", memory: "1Gi" }, { cpu: "500m" })])), "Burstable");
  assert.equal(qosClass(spec([container({ cpu: "1", memory: "1Gi" }), container()])), "Burstable");
  const initContainers = [container({ cpu: "1" })];
  assert.equal(qosClass(spec([container({ cpu: "1", memory: "1Gi" })], { initContainers })), "Burstable");
  const ofPod = { resources: { limits: { cpu: "1", memory: "1Gi" } } };
  assert.equal(qosClass(spec([container()], ofPod)), "Guaranteed");
});

test("a container that requests more memory is killed later when out of memory", () => {
  assert.equal(score(spec([container()])), 1000);
  assert.equal(score(spec([container({ cpu: "1", memory: "1Gi" })])), -997);
  assert.equal(score(spec([container(undefined, { memory: "4Gi" })])), 750);
  assert.equal(score(spec([container(undefined, { memory: "1" })])), 999);
  assert.equal(score(spec([container(undefined, { memory: "64Gi" })])), 3);
  const sidecar = container(undefined, {}, { restartPolicy: "Always" });
  const served = spec([container(undefined, { memory: "4Gi" })], { initContainers: [sidecar] });
  assert.equal(score(served, sidecar), 750, "a sidecar as late as those that it serves");
});

test("fractions of processors are counted in thousandths", () => {
  const cpus = (cpu: string) => {
    const one = container({ cpu });
    const { cpuQuota, cpuShares } = containerResources(spec([one]), one, machine);
    return [Number(cpuQuota), Number(cpuShares)];
  };
  assert.deepEqual([cpus("0.29"), cpus("290m")], Array(2).fill([29_000, 296]));
  assert.deepEqual(
    [cpus("1.13"), cpus("0.0101"), cpus("1m")],
    [
      [113_000, 1157],
      [1100, 11],
      [1000, 2],
    ],
  );
});

test("a container has no swap, and only the huge pages that it requests", () => {
  const limited = container({ memory: "1Mi", "hugepages-1Gi": "2Gi" });
  const resources = (swap: "together" | "alone" | "none") =>
    containerResources(spec([limited]), limited, { ...machine, swap });
  assert.deepEqual(resources("alone").unified, { "memory.swap.max": "0" });
  assert.equal(resources("together").memorySwapLimitInBytes, 1_048_576n);
  assert.deepEqual([resources("none").unified, resources("none").memorySwapLimitInBytes], [{}, 0n]);
  assert.deepEqual(
    resources("alone").hugepageLimits.map(({ pageSize, limit }) => [pageSize, limit]),
    [
      ["2MB", 0n],
      ["1GB", 2_147_483_648n],
    ],
  );
});

test("a pod's limits are those of its containers and sidecars together, or of a greater init container", () => {
  const main = container({ cpu: "500m", memory: "64Mi" });
  assert.deepEqual(podLimitsOf(spec([main, main])), {
    cpuShares: 1024,
    cpuQuotaUs: 100_000,
    memoryBytes: 128 * 2 ** 20,
    hugePages: new Map(),
  });
  assert.deepEqual(
    [podLimitsOf(spec([main, container()])).memoryBytes, podLimitsOf(spec([main, container()])).cpuQuotaUs],
    [undefined, undefined],
    "none where a container has none",
  );
  const sidecar = container({ cpu: "100m", memory: "16Mi" }, undefined, { restartPolicy: "Always" });
  const init = container({ cpu: "2", memory: "32Mi" });
  const withInits = podLimitsOf(spec([main], { initContainers: [sidecar, init] }));
  assert.deepEqual([withInits.cpuQuotaUs, withInits.memoryBytes], [210_000, 80 * 2 ** 20]);
  const own = { resources: { limits: { memory: "1Gi" } } };
  assert.equal(podLimitsOf(spec([main], { ...own, overhead: { memory: "1Gi" } })).memoryBytes, 2 ** 31);
});
