/**
 * Pods from manifests: how long berthd's manager takes until all pods of one file are ready, and how long a
 * kubelet without an API server takes with the same berthd, alternating; then the CPU time of that berthd
 * while the manager's pods only run. `npm run bench -- manager [PODS] [ROUNDS] [IDLE PODS] [IDLE SECONDS]`.
 * Needs `sh scripts/kubelet-program.sh`.
 */
import { execFile } from "node:child_process";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { connectEndpoint } from "../src/clients/criclient/index.ts";
import { berthV1, ListPodSandboxRequest } from "../src/ground/protocol/index.ts";
import { TestBerth } from "../test/support/berth.ts";
import { startBusyboxRegistry } from "../test/support/busybox.ts";
import { eventually } from "../test/support/condition.ts";
import { nodeName, TestKubelet } from "../test/support/kubelet.ts";
import { KubeletCgroup } from "../test/support/kubelet-cgroup.ts";
import { numbers } from "./arguments.ts";
import { cpuMs } from "./cpu-time.ts";
import { median, timed } from "./statistics.ts";

const [pods = 50, rounds = 3, idlePods = 100, idleSeconds = 60] = numbers;
const patience = { limitMs: 300_000, everyMs: 50 };
/** The kubelet's own limits are not to be measured, and it logs as by default. */
const withoutLimits = {
  registryPullQPS: 0,
  eventRecordQPS: 0,
  serializeImagePulls: false,
  logging: { verbosity: 0 },
};

const kubeletHost = new URL("../scripts/kubelet-host.sh", import.meta.url).pathname;
await promisify(execFile)("sh", [kubeletHost, "true"]);
// The files of all are in memory: those of the kubelet, of the manager and of the berthd that both use.
process.env.TMPDIR = "/dev/shm";
await using registry = await startBusyboxRegistry();
await using cgroup = await KubeletCgroup.make();
await using logs = await mkdtempDisposable(join(tmpdir(), "berth-test-logs-"));
await using berth = await TestBerth.start({
  logLevel: "info",
  config: `[manager]\nlog_dir = ${JSON.stringify(logs.path)}`,
});
await berth.pull(registry.image);
await using kubelet = await TestKubelet.start(berth, cgroup, withoutLimits);
using client = await connectEndpoint(berth.socket, {
  signal: new AbortController().signal,
  timeoutMs: 120_000,
});

type Status = { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
const isReady = ({ conditions = [] }: Status) =>
  conditions.some(({ type, status }) => type === "Ready" && status === "True");

const spec = {
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: "main",
      image: registry.image,
      imagePullPolicy: "IfNotPresent",
      command: ["/bin/sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1000 & wait; done"],
    },
  ],
};
const named = (count: number) => Array.from({ length: count }, (_, index) => `pod-${index}`);

async function managedPods(): Promise<readonly Status[]> {
  const request = berthV1.ListObjectsRequest.fromPartial({ kind: "Pod" });
  const { objects } = await client.unary(berthV1.ManagerService.listObjects, request);
  return objects.map(({ json }) => (JSON.parse(json) as { readonly status?: Status }).status ?? {});
}

async function applyToManager(names: readonly string[]): Promise<void> {
  const manifests = names.map((name) =>
    JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec }),
  );
  await client.unary(
    berthV1.ManagerService.applyObjects,
    berthV1.ApplyObjectsRequest.fromPartial({ manifests }),
  );
  await eventually(
    "the manager's pods are ready",
    async () => (await managedPods()).filter(isReady).length === names.length,
    patience,
  );
}

async function removeFromManager(names: readonly string[]): Promise<void> {
  const remove = (name: string) =>
    client.unary(
      berthV1.ManagerService.deleteObject,
      berthV1.DeleteObjectRequest.fromPartial({
        object: { kind: "Pod", namespace: "default", name },
        wait: true,
      }),
    );
  await Promise.all(names.map(remove));
}

/** A kubelet reads one pod from each file. */
async function applyToKubelet(names: readonly string[]): Promise<void> {
  for (const name of names) await kubelet.apply(name, { spec });
  const wanted = new Set(names.map((name) => `${name}-${nodeName}`));
  await eventually(
    "the kubelet's pods are ready",
    async () => {
      const listed = await kubelet.pods();
      return (
        listed.filter(({ metadata, status }) => wanted.has(metadata.name) && isReady(status)).length ===
        names.length
      );
    },
    patience,
  );
}

async function removeFromKubelet(names: readonly string[]): Promise<void> {
  for (const name of names) await kubelet.withdraw(name);
  await eventually("the kubelet's pods are gone", async () => (await kubelet.pods()).length === 0, patience);
  // It leaves them in the runtime for up to a minute.
  const { runtime } = berth.clients;
  const { items } = await runtime.listPodSandbox(ListPodSandboxRequest.fromPartial({}));
  await Promise.all(items.map(({ id: podSandboxId }) => runtime.removePodSandbox({ podSandboxId })));
}

const subjects = [
  {
    name: "manager",
    apply: applyToManager,
    remove: removeFromManager,
    times: [] as number[],
    cpuTimes: [] as number[],
  },
  {
    name: "kubelet",
    apply: applyToKubelet,
    remove: removeFromKubelet,
    times: [] as number[],
    cpuTimes: [] as number[],
  },
];
await kubelet.stop();
for (let round = 0; round < rounds; round++)
  for (const { name, apply, remove, times, cpuTimes } of round % 2 === 0 ? subjects : subjects.toReversed()) {
    // A kubelet that runs looks at the manager's pods too, and ends pods that it does not know.
    await using stop = new AsyncDisposableStack();
    if (name === "kubelet") {
      await kubelet.startProcess();
      stop.defer(() => kubelet.stop());
    }
    await apply(["warm-up"]);
    await remove(["warm-up"]);
    const before = await cpuMs(berth.pid);
    times.push((await timed(() => apply(named(pods)))).ms);
    cpuTimes.push((await cpuMs(berth.pid)) - before);
    await remove(named(pods));
  }
for (const { name, cpuTimes } of subjects)
  console.log(`${name}: ${(median(cpuTimes) / pods).toFixed(1)} ms of processor time of berthd for each pod`);
const [manager = 0, peer = 0] = subjects.map(({ times }) => median(times));
console.log(
  `${pods} pods ready: manager ${(manager / 1000).toFixed(2)} s, kubelet ${(peer / 1000).toFixed(2)} s, ratio ${(manager / peer).toFixed(2)}`,
);

await applyToManager(named(idlePods));
await delay(10_000);
const before = await cpuMs(berth.pid);
await delay(idleSeconds * 1000);
const used = (await cpuMs(berth.pid)) - before;
console.log(`berthd with ${idlePods} idle pods: ${(used / idleSeconds / 10).toFixed(2)} % of a core`);
await removeFromManager(named(idlePods));
