/** Pods as clients of containerd see them: containers whose tasks have the pod's network. */
import assert from "node:assert/strict";
import { readlink, stat } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import {
  type ContainerEventResponse,
  ContainerEventType,
  containerd,
  NamespaceMode,
  PodSandboxState,
} from "../src/ground/protocol/index.ts";
import { cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { KubeletCgroup } from "./support/kubelet-cgroup.ts";
import { containerStatus, exited, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const { Status } = containerd.types;
const hierarchies = "/sys/fs/cgroup";

describe("pods in containerd's API", () => {
  const host = withBerth();
  const undo = new AsyncDisposableStack();
  let clients: ContainerdClients;
  let cgroup: KubeletCgroup;
  before(async () => {
    cgroup = undo.use(await KubeletCgroup.make());
    clients = new ContainerdClients(host.berth.socket);
  });
  // By then, the daemon has ended its pods.
  after(async () => {
    clients?.[Symbol.dispose]();
    await undo.disposeAsync();
  });

  /**
   * The cgroup named after a pod, in the memory hierarchy or, with cgroup v2, the only one; identified so
   * that a new one differs from an old one.
   */
  async function cgroupOf(id: string): Promise<bigint | undefined> {
    for (const hierarchy of ["memory", ""]) {
      const path = join(hierarchies, hierarchy, cgroup.name, id);
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      if (found !== undefined) return found.ino;
    }
    return undefined;
  }

  /** The calls that cAdvisor makes for a new cgroup, in order. */
  async function loadedByCadvisor(id: string) {
    const { version, containers, tasks } = clients.in("k8s.io");
    assert.match((await version.version({})).version, /^v2\./);
    const { container } = await containers.get({ id });
    const spec = JSON.parse(String(container?.spec?.value));
    const { process } = await tasks.get({ containerId: id, execId: "" });
    return { labels: container?.labels ?? {}, spec, pid: process?.pid ?? 0, status: process?.status };
  }

  function networkOf(pid: number | string): Promise<string> {
    return readlink(`/proc/${pid}/ns/net`);
  }

  test("cAdvisor finds the network of a pod, even after the container that showed it has ended", async () => {
    const pod = await TestPod.run(host.berth, "watched", { linux: { cgroupParent: cgroup.name } });
    const { runtime } = host.berth.clients;
    assert.deepEqual(
      [await cgroupOf(pod.id), (await loadedByCadvisor(pod.id)).status],
      [undefined, Status.CREATED],
    );

    const first = await pod.shell("first", host.image, "exec sleep 1000");
    const inode = await eventually("the pod's cgroup is there", () => cgroupOf(pod.id));
    const shown = await loadedByCadvisor(pod.id);
    assert.equal(shown.labels["io.cri-containerd.kind"], "sandbox");
    assert.equal(shown.spec.annotations["io.kubernetes.cri.container-type"], "sandbox");
    assert.equal(shown.spec.annotations["io.kubernetes.cri.sandbox-name"], "watched");
    assert.deepEqual(shown.spec.process.env, []);
    assert.equal(shown.status, Status.RUNNING);
    const { process } = await clients.in("k8s.io").tasks.get({ containerId: first, execId: "" });
    assert.equal(shown.pid, process?.pid);
    const network = await networkOf(shown.pid);
    assert.notEqual(network, await networkOf("self"));

    const second = await pod.shell("second", host.image, "exec sleep 1000");
    assert.equal(await cgroupOf(pod.id), inode);
    await runtime.stopContainer({ containerId: first, timeout: 0n });
    await eventually("the cgroup is another", async () => {
      const now = await cgroupOf(pod.id);
      return now !== undefined && now !== inode;
    });
    const { pid } = await loadedByCadvisor(pod.id);
    assert.notEqual(pid, shown.pid);
    assert.equal(await networkOf(pid), network);

    await host.berth.restartDaemon();
    await eventually("the pod's cgroup is there", () => cgroupOf(pod.id));
    assert.equal((await loadedByCadvisor(pod.id)).pid, pid);

    await host.berth.clients.runtime.stopContainer({ containerId: second, timeout: 0n });
    await eventually("the pod's cgroup is gone", async () => (await cgroupOf(pod.id)) === undefined);
    assert.equal((await loadedByCadvisor(pod.id)).pid, 0);
    await host.berth.clients.runtime.stopPodSandbox({ podSandboxId: pod.id });
    await assert.rejects(loadedByCadvisor(pod.id), { code: status.NOT_FOUND });
  });

  test("a stopped pod leaves no cgroup", async () => {
    const pod = await TestPod.run(host.berth, "stopped", { linux: { cgroupParent: cgroup.name } });
    await pod.shell("main", host.image, "exec sleep 1000");
    await eventually("the pod's cgroup is there", () => cgroupOf(pod.id));
    await host.berth.clients.runtime.stopPodSandbox({ podSandboxId: pod.id });
    assert.equal(await cgroupOf(pod.id), undefined);
  });

  test("a pod on the host's network has no cgroup of its own, since its figures would be the host's", async () => {
    const pod = await TestPod.run(host.berth, "hosted", {
      linux: {
        cgroupParent: cgroup.name,
        securityContext: {
          namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER },
        },
      },
    });
    const other = await TestPod.run(host.berth, "other", { linux: { cgroupParent: cgroup.name } });
    for (const each of [pod, other]) await each.shell("main", host.image, "exec sleep 1000");
    await eventually("the other pod's cgroup is there", () => cgroupOf(other.id));
    assert.equal(await cgroupOf(pod.id), undefined);
  });

  test("a pod's pause process is its task, which runs and which only its engine controls", async () => {
    const pod = await TestPod.run(host.berth, "paused", {
      linux: {
        cgroupParent: cgroup.name,
        securityContext: { namespaceOptions: { network: NamespaceMode.POD, pid: NamespaceMode.POD } },
      },
    });
    const { spec, pid, status: state } = await loadedByCadvisor(pod.id);
    assert.equal(state, Status.RUNNING);
    assert.deepEqual(spec.process.args, ["/pause", "-P"]);
    assert.notEqual(await networkOf(pid), await networkOf("self"));
    await assert.rejects(clients.in("k8s.io").tasks.delete({ containerId: pod.id }), {
      code: status.FAILED_PRECONDITION,
      details: /is a pod's/,
    });
  });

  test("limits of a pod's container can be changed as by its kubelet, which sees them", async () => {
    const { containers, tasks } = clients.in("k8s.io");
    const pod = await TestPod.run(host.berth, "limited", { linux: { cgroupParent: cgroup.name } });
    const containerId = await pod.shell("main", host.image, "exec sleep 1000", {
      linux: { resources: { memoryLimitInBytes: 2n ** 26n, cpuShares: 512n } },
    });
    /** As clients do: with everything in the specification. */
    const update = async (changes: object) => {
      const { container } = await containers.get({ id: containerId });
      const { linux } = JSON.parse(String(container?.spec?.value));
      const value = Buffer.from(JSON.stringify({ ...linux.resources, ...changes }));
      await tasks.update({ containerId, resources: { typeUrl: "", value }, annotations: {} });
    };
    const limits = async () => {
      const { cpuQuota, cpuPeriod, cpuShares, memoryLimitInBytes } =
        (await containerStatus(host.berth, containerId)).resources?.linux ?? {};
      return { cpuQuota, cpuPeriod, cpuShares, memoryLimitInBytes };
    };
    const asked = { cpuQuota: 0n, cpuPeriod: 0n, cpuShares: 512n, memoryLimitInBytes: 2n ** 26n };
    await update({});
    assert.deepEqual(await limits(), asked);
    await update({ memory: { limit: 2 ** 27, swap: 2 ** 28 } });
    assert.deepEqual(await limits(), { ...asked, memoryLimitInBytes: 2n ** 27n });
    await update({ cpu: { quota: 50_000, period: 100_000, shares: 1024 } });
    assert.deepEqual(await limits(), {
      ...{ cpuQuota: 50_000n, cpuPeriod: 100_000n, cpuShares: 1024n, memoryLimitInBytes: 2n ** 27n },
    });
    await assert.rejects(update({ pids: { limit: 7 } }), {
      code: status.UNIMPLEMENTED,
      details: /resources\.pids\.limit: /,
    });
    await assert.rejects(update({ memory: { limit: 0.5 } }), { code: status.INVALID_ARGUMENT });
    const ofPod = {
      containerId: pod.id,
      resources: { typeUrl: "", value: Buffer.from("{}") },
      annotations: {},
    };
    await assert.rejects(tasks.update(ofPod), { code: status.FAILED_PRECONDITION });
  });

  test("a pod's container that a client has paused stays paused when it is committed", async () => {
    const { tasks } = clients.in("k8s.io");
    const pod = await TestPod.run(host.berth, "frozen");
    const containerId = await pod.shell("main", host.image, "exec sleep 1000");
    await tasks.pause({ containerId });
    await cliOutput(host.berth, "commit", containerId, "example.test/paused:1");
    assert.equal((await tasks.get({ containerId, execId: "" })).process?.status, Status.PAUSED);
  });

  test("pods are listed among containers and tasks, and clients can change only their labels, and not run them", async () => {
    const pod = await TestPod.run(host.berth, "listed");
    const { containers, tasks } = clients.in("k8s.io");
    const listed = await containers.list({ filters: ['labels."io.cri-containerd.kind"==sandbox'] });
    const found = listed.containers.find(({ id }) => id === pod.id);
    assert.deepEqual(
      [found?.runtime?.name, found?.image, found?.snapshotKey, found?.spec],
      ["io.containerd.runc.v2", "", "", undefined],
    );
    const { container } = await containers.get({ id: pod.id });
    const metadata = JSON.parse(
      String(container?.extensions["io.cri-containerd.sandbox.metadata"]?.value),
    ).Metadata;
    assert.deepEqual([metadata.ID, metadata.Name], [pod.id, "listed_default_uid-listed_0"]);
    assert.equal(metadata.IP, await pod.ip());
    assert.ok((await tasks.list({ filter: "" })).tasks.some(({ containerId }) => containerId === pod.id));
    assert.deepEqual((await tasks.listPids({ containerId: pod.id })).processes, []);
    const refused = { code: status.FAILED_PRECONDITION, details: /is a pod/ };
    await assert.rejects(containers.delete({ id: pod.id }), refused);
    const labels = { ...container?.labels, x: "y" };
    const own = containerd.containersV1.Container.fromPartial({ ...container, labels });
    await assert.rejects(containers.update({ container: own, updateMask: ["image"] }), refused);
    // `nerdctl stop`, for example, sets one: its client is not notified.
    const { container: labelled } = await containers.update({ container: own, updateMask: [] });
    assert.deepEqual(labelled?.labels, labels);
    const { status: known } = await host.berth.clients.runtime.podSandboxStatus({
      podSandboxId: pod.id,
      verbose: false,
    });
    assert.deepEqual(known?.labels, {});
    await assert.rejects(tasks.start({ containerId: pod.id, execId: "" }), refused);
    await assert.rejects(containers.create({ container: own }), { code: status.ALREADY_EXISTS });
    const waiting = tasks.wait({ containerId: pod.id, execId: "" });
    await host.berth.clients.runtime.stopPodSandbox({ podSandboxId: pod.id });
    assert.equal((await waiting).exitStatus, 137);
    await assert.rejects(tasks.get({ containerId: pod.id, execId: "" }), { code: status.NOT_FOUND });
  });

  test("a pod is stopped by the signals that end a pause process, and by no others", async () => {
    const pod = await TestPod.run(host.berth, "killed");
    const { tasks } = clients.in("k8s.io");
    const kill = (signal: NodeJS.Signals) =>
      tasks.kill({ containerId: pod.id, execId: "", signal: constants.signals[signal], all: false });
    const state = async () =>
      (await host.berth.clients.runtime.podSandboxStatus({ podSandboxId: pod.id, verbose: false })).status
        ?.state;
    await kill("SIGHUP");
    assert.equal(await state(), PodSandboxState.SANDBOX_READY);
    const waiting = tasks.wait({ containerId: pod.id, execId: "" });
    await kill("SIGKILL");
    await waiting;
    assert.equal(await state(), PodSandboxState.SANDBOX_NOTREADY);
    await assert.rejects(kill("SIGKILL"), { code: status.NOT_FOUND });
  });

  test("a kubelet and clients that subscribe to events are notified of a killed pod, and of what ran in it", async () => {
    const { runtime, rawRuntime } = host.berth.clients;
    const kubelet = rawRuntime.getContainerEvents({});
    const told: string[] = [];
    kubelet
      .on("error", () => {})
      .on("data", ({ containerId, containerEventType }: ContainerEventResponse) =>
        told.push(`${containerId} ${containerEventType}`),
      );
    const { raw, metadata, tasks } = clients.in("k8s.io");
    const client = raw.events.subscribe({ filters: ['topic~="/exit$"', 'topic=="/probe"'] }, metadata);
    const topics: (string | undefined)[] = [];
    client
      .on("error", () => {})
      .on("data", ({ topic, event }: containerd.types.Envelope) => topics.push(`${topic} ${event?.typeUrl}`));
    await eventually("the client listens", async () => {
      const event = { typeUrl: "Probe", value: Buffer.alloc(0) };
      await clients.in("k8s.io").events.publish({ topic: "/probe", event });
      return topics.length > 0;
    });
    const { CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT } = ContainerEventType;
    const pod = await TestPod.run(host.berth, "told");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    await eventually("its start is told", async () => told.includes(`${id} ${CONTAINER_STARTED_EVENT}`));
    await tasks.kill({ containerId: pod.id, execId: "", signal: constants.signals.SIGTERM, all: true });
    assert.equal((await containerStatus(host.berth, id)).exitCode, 137);
    const ends = [id, pod.id].map((each) => `${each} ${CONTAINER_STOPPED_EVENT}`);
    await eventually("the ends are told", async () => ends.every((end) => told.includes(end)));
    const toldEnds = () => topics.filter((topic) => topic !== "/probe Probe");
    await eventually("the ends are told to clients", async () => toldEnds().length >= 2);
    assert.deepEqual(toldEnds(), [
      "/tasks/exit containerd.events.TaskExit",
      "/sandboxes/exit containerd.events.SandboxExit",
    ]);
    // As after any other end, the kubelet stops and removes the pod.
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    for (const stream of [kubelet, client]) stream.cancel();
  });

  test("a pod whose pause process is killed is not ready, and its containers have ended", async () => {
    const pod = await TestPod.run(host.berth, "unpaused", {
      linux: {
        securityContext: { namespaceOptions: { network: NamespaceMode.POD, pid: NamespaceMode.POD } },
      },
    });
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const { tasks } = clients.in("k8s.io");
    await tasks.kill({ containerId: pod.id, execId: "", signal: constants.signals.SIGKILL, all: false });
    assert.equal((await exited(host.berth, id)).exitCode, 137);
    await eventually("it is not ready", async () => {
      const { status } = await host.berth.clients.runtime.podSandboxStatus({
        podSandboxId: pod.id,
        verbose: false,
      });
      return status?.state === PodSandboxState.SANDBOX_NOTREADY;
    });
  });
});
