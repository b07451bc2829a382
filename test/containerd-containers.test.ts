import assert from "node:assert/strict";
import { readlink } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { containerd, NamespaceMode, SecurityProfile_ProfileType } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { testHandler } from "./support/handler.ts";
import { execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const { Container } = containerd.containersV1;
const { events } = containerd;

/** As a Go program writes it, with a field that nobody here knows. */
const spec = {
  typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
  value: Buffer.from('{"ociVersion":"1.2.0","vendor":{"limit":18446744073709551615}}'),
};

function container(fields: Partial<containerd.containersV1.Container>) {
  return Container.fromPartial({
    id: "web",
    image: "docker.io/library/nginx:1",
    runtime: { name: "io.containerd.runc.v2" },
    spec,
    ...fields,
  });
}

describe("containerd's API of containers and events", () => {
  const host = withBerth();
  let clients: ContainerdClients;
  before(() => {
    clients = new ContainerdClients(host.berth.socket);
  });
  after(() => clients?.[Symbol.dispose]());

  /** The events of a subscription, once that certainly exists. */
  async function listen(filter: string): Promise<AsyncIterator<containerd.types.Envelope>> {
    const { events: client, raw, metadata } = clients.in("probe");
    const stream = raw.events.subscribe({ filters: [filter, 'topic=="/probe"'] }, metadata);
    stream.on("error", () => undefined);
    after(() => stream.cancel());
    const messages: AsyncIterator<containerd.types.Envelope> = stream[Symbol.asyncIterator]();
    let first: IteratorResult<containerd.types.Envelope> | undefined;
    const heard = messages.next().then((result) => {
      first = result;
    });
    await eventually("it listens", async () => {
      await client.publish({ topic: "/probe", event: { typeUrl: "Probe", value: Buffer.alloc(0) } });
      return first !== undefined;
    });
    await heard;
    return messages;
  }

  test("containers are stored with everything that was written into them, each in its namespace", async () => {
    const { containers } = clients.in("kept");
    const given = container({
      labels: { app: "shop" },
      runtime: {
        name: "io.containerd.runc.v2",
        options: { typeUrl: "runc.Options", value: Buffer.from([8, 1]) },
      },
      snapshotter: "overlayfs",
      snapshotKey: "web",
      extensions: { note: { typeUrl: "Note", value: Buffer.from("hm") } },
      sandbox: "pod",
    });
    const { container: created } = await containers.create({ container: given });
    assert.ok(created?.createdAt !== undefined && created.createdAt.seconds > 0n);
    assert.deepEqual(created.updatedAt, created.createdAt);
    assert.deepEqual({ ...created, createdAt: undefined, updatedAt: undefined }, given);
    assert.deepEqual((await containers.get({ id: "web" })).container, created);
    await assert.rejects(containers.create({ container: given }), {
      code: status.ALREADY_EXISTS,
      details: /already exists$/,
    });
    await assert.rejects(clients.in("other").containers.get({ id: "web" }), { code: status.NOT_FOUND });
    for (const [wrong, details] of [
      [{ id: "../x" }, /"\.\.\/x" has no valid id/],
      [{ runtime: undefined }, /has no runtime/],
      [{ spec: undefined }, /spec must be set/],
      [{ snapshotKey: "key" }, /has a snapshot but no snapshotter/],
    ] as const)
      await assert.rejects(containers.create({ container: container({ id: "wrong", ...wrong }) }), {
        code: status.INVALID_ARGUMENT,
        details,
      });
  });

  test("containers are listed by filters", async () => {
    const { containers, raw, metadata } = clients.in("listed");
    for (const id of ["a", "b"]) await containers.create({ container: container({ id, labels: { id } }) });
    const list = async (...filters: string[]) =>
      (await containers.list({ filters })).containers.map(({ id }) => id);
    assert.deepEqual(await list(), ["a", "b"]);
    assert.deepEqual(await list("labels.id==b"), ["b"]);
    assert.deepEqual(await list("id==a", "id==b"), ["a", "b"]);
    assert.deepEqual(await list("runtime.name==io.containerd.runc.v2,image~=nginx,id!=b"), ["a"]);
    await containers.create({ container: container({ id: "bare", image: "" }) });
    assert.deepEqual(await list("image"), ["a", "b"]);
    const streamed: (string | undefined)[] = [];
    for await (const message of raw.containers.listStream({ filters: ["labels.id"] }, metadata))
      streamed.push(message.container?.id);
    assert.deepEqual(streamed, ["a", "b"]);
  });

  test("an update changes the fields in its mask, and without one all that can change", async () => {
    const { containers } = clients.in("updated");
    const note = (text: string) => ({ typeUrl: "Note", value: Buffer.from(text) });
    const before = container({ labels: { a: "1", b: "2" }, extensions: { one: note("1"), two: note("2") } });
    await containers.create({ container: before });
    const update = async (fields: Partial<containerd.containersV1.Container>, ...updateMask: string[]) =>
      (await containers.update({ container: container(fields), updateMask })).container;
    const given = { labels: { a: "x", b: "y" }, image: "new", extensions: { one: note("x") } };
    const named = await update(given, "labels.a", "extensions.one");
    assert.deepEqual(
      [named?.labels, named?.extensions, named?.image],
      [{ a: "x", b: "2" }, { one: note("x"), two: note("2") }, before.image],
    );
    assert.deepEqual((await update({}, "extensions.two", "labels.b"))?.extensions, { one: note("x") });
    assert.deepEqual((await update(given, "image"))?.image, "new");
    const whole = await update({ labels: { c: "3" }, image: "last" });
    assert.deepEqual([whole?.labels, whole?.extensions, whole?.image], [{ c: "3" }, {}, "last"]);
    await assert.rejects(update({ snapshotter: "native" }), {
      code: status.INVALID_ARGUMENT,
      details: /container\.Snapshotter field is immutable/,
    });
    await assert.rejects(update({}, "snapshotter"), {
      code: status.INVALID_ARGUMENT,
      details: /cannot update "snapshotter" field/,
    });
    await containers.delete({ id: "web" });
    await assert.rejects(update({}, "image"), { code: status.NOT_FOUND });
    await assert.rejects(containers.delete({ id: "web" }), { code: status.NOT_FOUND });
  });

  test("a pod's container is visible in k8s.io, and only its engine can change it", async () => {
    const pod = await TestPod.run(host.berth, "shown");
    const heard = await listen('namespace==k8s.io,topic=="/containers/create"');
    const id = await pod.create(shellConfig("main", host.image, "sleep 1000"));
    const [told] = await take(heard, 1);
    const made = events.ContainerCreate.decode(told?.event?.value ?? Buffer.alloc(0));
    assert.deepEqual([made.id, made.runtime?.name], [id, "io.containerd.runc.v2"]);
    const { containers } = clients.in("k8s.io");
    const { container: shown } = await containers.get({ id });
    assert.deepEqual([shown?.id, shown?.sandbox], [id, pod.id]);
    assert.ok((await containers.list({ filters: [] })).containers.some((each) => each.id === id));
    // As from containerd's own CRI: clients know none of berth's handlers.
    const { name: runtime, options } = shown?.runtime ?? {};
    assert.deepEqual([runtime, options?.typeUrl], ["io.containerd.runc.v2", "containerd.runc.v1.Options"]);
    const { binaryName } = containerd.runcOptions.Options.decode(options?.value ?? Buffer.alloc(0));
    assert.ok(binaryName.endsWith(`/${testHandler}`), binaryName);
    const filters = [`id==${id},runtime.name==io.containerd.runc.v2`];
    assert.equal((await containers.list({ filters })).containers.length, 1);
    // As containerd's client, which sends everything that it received.
    const labelled = {
      ...shown,
      labels: { ...shown?.labels, mine: "1" },
    } as containerd.containersV1.Container;
    const { container: updated } = await containers.update({ container: labelled, updateMask: [] });
    assert.deepEqual([updated?.labels.mine, updated?.runtime], ["1", shown?.runtime]);
    const { container: after } = await containers.get({ id });
    assert.deepEqual({ ...after, updatedAt: undefined }, { ...labelled, updatedAt: undefined });
    await assert.rejects(containers.update({ container: labelled, updateMask: ["spec"] }), {
      code: status.FAILED_PRECONDITION,
      details: /"spec"/,
    });
    const { value: metadata } = shown?.extensions["io.cri-containerd.container.metadata"] ?? {};
    const { containerStatus } = host.berth.clients.runtime;
    const { logPath } = (await containerStatus({ containerId: id, verbose: false })).status ?? {};
    assert.equal(JSON.parse(String(metadata)).Metadata.LogPath, logPath);
    const specOf = async () => {
      const { container: now } = await containers.get({ id });
      assert.equal(now?.spec?.typeUrl, spec.typeUrl);
      return JSON.parse(String(now.spec.value));
    };
    const created = await specOf();
    assert.deepEqual(created.process.args, ["/bin/sh", "-c", "sleep 1000"]);
    await host.berth.clients.runtime.startContainer({ containerId: id });
    assert.equal((await specOf()).linux.cgroupsPath, created.linux.cgroupsPath);
    await assert.rejects(containers.delete({ id }), {
      code: status.FAILED_PRECONDITION,
      details: /is a pod's; remove it with the pod's client/,
    });
    const extensions = { "io.berth.cri.container": { typeUrl: "x", value: Buffer.alloc(0) } };
    await assert.rejects(containers.create({ container: container({ id: "false", extensions }) }), {
      code: status.PERMISSION_DENIED,
      details: /io\.berth\.cri\.container is berth's own/,
    });
    const updateMask = ["extensions.io.berth.cri.container"];
    await assert.rejects(containers.update({ container: container({ id }), updateMask }), {
      code: status.PERMISSION_DENIED,
      details: /io\.berth\.cri\.container is berth's own/,
    });
  });

  test("specifications of pods keep every digit of large numbers, which Go's clients would otherwise reject", async () => {
    // A filter of the default profile has numbers that a double cannot hold.
    const seccomp = { profileType: SecurityProfile_ProfileType.RuntimeDefault };
    const namespaceOptions = { network: NamespaceMode.POD, pid: NamespaceMode.POD, ipc: NamespaceMode.POD };
    const pod = await TestPod.run(host.berth, "digits", {
      linux: { securityContext: { seccomp, namespaceOptions } },
    });
    const config = { linux: { securityContext: { seccomp, namespaceOptions } } };
    const id = await pod.create(shellConfig("main", host.image, "sleep 1000", config));
    const { containers } = clients.in("k8s.io");
    const { runtime } = host.berth.clients;
    const large = /"value":18446744073709551614,/;
    const check = async () => {
      for (const each of [id, pod.id])
        assert.match(String((await containers.get({ id: each })).container?.spec?.value), large);
      const { info } = await runtime.containerStatus({ containerId: id, verbose: true });
      assert.match(info.info ?? "", large);
    };
    await check();
    await runtime.startContainer({ containerId: id });
    await check();
  });

  test("tasks of pods are visible in k8s.io with the states of their processes, and can be waited for", async () => {
    const { Status } = containerd.types;
    const pod = await TestPod.run(host.berth, "tasks");
    const script = "trap 'exit 7' TERM; echo ready; sleep 1000 & wait";
    const containerId = await pod.shell("main", host.image, script);
    await eventually("its trap is set", async () => (await pod.log("main")).length > 0);
    const { tasks } = clients.in("k8s.io");
    const { process } = await tasks.get({ containerId, execId: "" });
    assert.ok(process !== undefined && process.pid > 0);
    assert.deepEqual(
      [process.containerId, process.id, process.status],
      [containerId, containerId, Status.RUNNING],
    );
    const mountNamespace = await execSync(host.berth, containerId, "readlink", "/proc/self/ns/mnt");
    assert.equal(await readlink(`/proc/${process.pid}/ns/mnt`), mountNamespace.trim());
    const { tasks: listed } = await tasks.list({ filter: "" });
    assert.deepEqual(
      listed.find((each) => each.containerId === containerId),
      process,
    );
    await assert.rejects(tasks.get({ containerId, execId: "none" }), { code: status.NOT_FOUND });
    const waiting = tasks.wait({ containerId, execId: "" });
    // Over the same connection: after this reply, the wait has begun.
    const { processes } = await tasks.listPids({ containerId });
    assert.ok(processes.some(({ pid }) => pid === process.pid));
    await host.berth.clients.runtime.stopContainer({ containerId, timeout: 60n });
    const { exitStatus, exitedAt } = await waiting;
    assert.equal(exitStatus, 7);
    assert.ok((exitedAt?.seconds ?? 0n) > 0n);

    const none = { code: status.NOT_FOUND, details: /has no task: not found$/ };
    await assert.rejects(clients.in("default").tasks.get({ containerId, execId: "" }), none);
    assert.deepEqual(await clients.in("default").tasks.list({ filter: "" }), { tasks: [] });
    await eventually("its task is deleted", async () => {
      const { tasks: left } = await tasks.list({ filter: "" });
      return left.every((each) => each.containerId !== containerId);
    });
    await assert.rejects(tasks.get({ containerId, execId: "" }), none);
  });

  test("tasks of pods get signals, and the pod's client is notified of their end", async () => {
    const pod = await TestPod.run(host.berth, "signals");
    const { tasks } = clients.in("k8s.io");
    const script = "trap 'exit 7' TERM; echo ready; sleep 1000 & wait";
    const asked = await pod.shell("asked", host.image, script);
    const killed = await pod.shell("killed", host.image, "trap '' TERM; sleep 1000 & wait");
    await eventually("its trap is set", async () => (await pod.log("asked")).length > 0);
    for (const [wrong, code] of [
      [{ containerId: asked, signal: 0, all: false }, status.INVALID_ARGUMENT],
      [{ containerId: asked, signal: 65, all: false }, status.INVALID_ARGUMENT],
      [{ containerId: "none", signal: 15, all: false }, status.NOT_FOUND],
    ] as const)
      await assert.rejects(tasks.kill({ ...wrong, execId: "" }), { code });
    await tasks.kill({ containerId: asked, execId: "", signal: 15, all: false });
    assert.equal((await exited(host.berth, asked)).exitCode, 7);
    await tasks.kill({ containerId: killed, execId: "", signal: 9, all: true });
    assert.equal((await exited(host.berth, killed)).exitCode, 137);
  });

  test("events report what happened in every namespace, as containerd's messages, to clients with matching filters", async () => {
    const { containers } = clients.in("told");
    const all = await listen('namespace==told,topic~="^/containers/"');
    const deleted = await listen('topic=="/containers/delete",event.id==b');
    const runtime = { name: "io.containerd.runc.v2", options: { typeUrl: "runc", value: Buffer.from([8]) } };
    for (const id of ["a", "b"]) await containers.create({ container: container({ id, runtime }) });
    for (const id of ["a", "b"]) await containers.delete({ id });
    const heard = await take(all, 4);
    assert.deepEqual(
      heard.map(({ topic, namespace }) => [topic, namespace]),
      ["create", "create", "delete", "delete"].map((kind) => [`/containers/${kind}`, "told"]),
    );
    const [created] = heard;
    assert.equal(created?.event?.typeUrl, "containerd.events.ContainerCreate");
    assert.deepEqual(events.ContainerCreate.decode(created.event.value), {
      id: "a",
      image: "docker.io/library/nginx:1",
      runtime,
    });
    assert.ok((created.timestamp?.seconds ?? 0n) > 0n);
    const [only] = await take(deleted, 1);
    assert.equal(events.ContainerDelete.decode(only?.event?.value ?? Buffer.alloc(0)).id, "b");
  });

  test("clients publish events of their own, for each other", async () => {
    const { events: client } = clients.in("said");
    const stream = await listen('topic~="^/client/"');
    const event = { typeUrl: "example.Said", value: Buffer.from("hello") };
    await client.publish({ topic: "/client/said", event });
    const timestamp = { seconds: 1n, nanos: 5 };
    await client.forward({ envelope: { timestamp, namespace: "elsewhere", topic: "/client/told", event } });
    const [said, told] = await take(stream, 2);
    assert.deepEqual([said?.namespace, said?.topic, said?.event], ["said", "/client/said", event]);
    assert.deepEqual(told, { timestamp, namespace: "elsewhere", topic: "/client/told", event });
    for (const topic of ["", "client", "/", "/a//b", "/a b"])
      await assert.rejects(client.publish({ topic, event }), { code: status.INVALID_ARGUMENT }, topic);
    const untimed = { timestamp: undefined, namespace: "said", topic: "/client/said", event };
    await assert.rejects(client.forward({ envelope: untimed }), { code: status.INVALID_ARGUMENT });
  });
});

/** The next events that are not probes. */
async function take(
  messages: AsyncIterator<containerd.types.Envelope>,
  count: number,
): Promise<readonly containerd.types.Envelope[]> {
  const taken: containerd.types.Envelope[] = [];
  while (taken.length < count) {
    const { value, done } = await messages.next();
    assert.ok(done !== true, "the stream ended");
    if (value.topic !== "/probe") taken.push(value);
  }
  return taken;
}
