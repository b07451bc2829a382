import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const { Sandbox } = containerd.types;

function sandbox(fields: Partial<containerd.types.Sandbox> = {}) {
  return Sandbox.fromPartial({ sandboxId: "s", runtime: { name: "io.containerd.runc.v2" }, ...fields });
}

describe("containerd's API of sandboxes", () => {
  const host = withBerth();
  let clients: ContainerdClients;
  before(() => {
    clients = new ContainerdClients(host.berth.socket);
  });
  after(() => clients?.[Symbol.dispose]());

  test("sandboxes are stored with everything that was written into them, updated by fields, and listed by filters", async () => {
    const { sandboxes } = clients.in("sandboxes");
    const value = { typeUrl: "x/y", value: Buffer.from("bytes") };
    const given = sandbox({
      runtime: { name: "io.containerd.runc.v2", options: value },
      spec: value,
      labels: { a: "1", b: "2" },
      extensions: { one: value, two: value },
      sandboxer: "podsandbox",
    });
    const { sandbox: made } = await sandboxes.create({ sandbox: given });
    assert.ok((made?.createdAt?.seconds ?? 0n) > 0n);
    const bare = (each: containerd.types.Sandbox | undefined) =>
      Sandbox.decode(
        Sandbox.encode(Sandbox.fromPartial({ ...each, createdAt: undefined, updatedAt: undefined })).finish(),
      );
    const get = async () => bare((await sandboxes.get({ sandboxId: "s" })).sandbox);
    assert.deepEqual(await get(), bare(given));
    await assert.rejects(sandboxes.create({ sandbox: given }), { code: status.ALREADY_EXISTS });

    const changed = sandbox({ labels: { a: "3", c: "4" }, spec: { ...value, typeUrl: "z" } });
    await sandboxes.update({ sandbox: changed, fields: ["labels.a", "extensions.one"] });
    assert.deepEqual(await get(), bare({ ...given, labels: { a: "3", b: "2" }, extensions: { two: value } }));
    await sandboxes.update({ sandbox: changed, fields: [] });
    const { runtime, sandboxer } = given;
    assert.deepEqual(await get(), bare({ ...changed, runtime, sandboxer }));
    await assert.rejects(sandboxes.update({ sandbox: changed, fields: ["sandboxer"] }), {
      code: status.INVALID_ARGUMENT,
      details: /"sandboxer"/,
    });

    await sandboxes.create({ sandbox: sandbox({ sandboxId: "other" }) });
    const ids = async (...filters: string[]) =>
      (await sandboxes.list({ filters })).list.map(({ sandboxId }) => sandboxId);
    assert.deepEqual(
      [await ids(), await ids("id==other"), await ids("labels.c==4")],
      [["other", "s"], ["other"], ["s"]],
    );
    assert.deepEqual((await clients.in("elsewhere").sandboxes.list({ filters: [] })).list, []);
    await sandboxes.delete({ sandboxId: "s" });
    await assert.rejects(sandboxes.get({ sandboxId: "s" }), { code: status.NOT_FOUND });
    await assert.rejects(sandboxes.delete({ sandboxId: "s" }), { code: status.NOT_FOUND });
    await assert.rejects(sandboxes.create({ sandbox: sandbox({ sandboxId: "no id" }) }), {
      code: status.INVALID_ARGUMENT,
    });
  });

  test("a pod of CRI is a sandbox in k8s.io, and only its engine can change it", async () => {
    const { id } = await TestPod.run(host.berth, "shown");
    const { sandboxes } = clients.in("k8s.io");
    const { sandbox: shown } = await sandboxes.get({ sandboxId: id });
    assert.equal(shown?.sandboxId, id);
    assert.equal(shown?.runtime?.name, "io.containerd.runc.v2");
    assert.ok((await sandboxes.list({ filters: [`id==${id}`] })).list.length === 1);
    await assert.rejects(sandboxes.delete({ sandboxId: id }), {
      code: status.FAILED_PRECONDITION,
      details: /is a pod/,
    });
    // A client can change it neither by writing berth's own extension nor by naming it.
    const own = "io.berth.cri.sandbox";
    const refused = { code: status.PERMISSION_DENIED, details: /io\.berth\.cri\.sandbox is berth's own/ };
    const extensions = { [own]: { typeUrl: "x", value: Buffer.alloc(0) } };
    await assert.rejects(sandboxes.create({ sandbox: sandbox({ extensions }) }), refused);
    const fields = [`extensions.${own}`];
    await assert.rejects(sandboxes.update({ sandbox: sandbox({ sandboxId: id }), fields }), refused);
    await sandboxes.update({ sandbox: { ...shown, extensions: {}, labels: {} }, fields: ["extensions"] });
    const { status: podStatus } = await host.berth.clients.runtime.podSandboxStatus({
      podSandboxId: id,
      verbose: false,
    });
    assert.equal(podStatus?.id, id);
  });

  test("the controller shows pods, waits for their end, stops and removes them, and creates none", async () => {
    const { id } = await TestPod.run(host.berth, "controlled");
    const { controller } = clients.in("k8s.io");
    const of = { sandboxId: id, sandboxer: "podsandbox" };
    const shown = async (verbose: boolean) => controller.status({ ...of, verbose });
    const ready = await shown(true);
    assert.deepEqual([ready.sandboxId, ready.state, ready.pid], [id, "SANDBOX_READY", 0]);
    assert.ok((ready.createdAt?.seconds ?? 0n) > 0n);
    assert.ok(typeof JSON.parse(ready.info.info ?? "") === "object");
    assert.deepEqual((await shown(false)).info, {});
    assert.equal((await controller.platform(of)).platform?.os, "linux");
    await controller.update({ ...of, sandbox: undefined, fields: [] });
    await assert.rejects(controller.metrics(of), { code: status.NOT_FOUND, details: /no cgroup of its own/ });
    const waiting = controller.wait(of);
    await controller.stop({ ...of, timeoutSecs: 5 });
    assert.ok(((await waiting).exitedAt?.seconds ?? 0n) > 0n);
    assert.equal((await shown(false)).state, "SANDBOX_NOTREADY");
    assert.equal((await controller.wait(of)).exitStatus, 137);
    await controller.shutdown(of);
    await assert.rejects(shown(false), { code: status.NOT_FOUND });
    await assert.rejects(controller.stop({ ...of, timeoutSecs: 0 }), { code: status.NOT_FOUND });
    await clients.in("k8s.io").sandboxes.create({ sandbox: sandbox({ sandboxId: "record" }) });
    const record = { ...of, sandboxId: "record" };
    const make = (sandboxer: string) =>
      controller.create({
        ...record,
        sandboxer,
        rootfs: [],
        options: undefined,
        netnsPath: "",
        annotations: {},
        sandbox: undefined,
      });
    for (const [sandboxer, code, details] of [
      ["shim", status.UNIMPLEMENTED, /not supported by io\.containerd\.runc\.v2.*RunPodSandbox/],
      ["podsandbox", status.UNIMPLEMENTED, /RunPodSandbox/],
      ["nosuch", status.NOT_FOUND, /"nosuch"/],
      ["", status.INVALID_ARGUMENT, /sandboxer/],
    ] as const)
      await assert.rejects(make(sandboxer), { code, details });
    // As if no shim ran it: clients continue and delete the record.
    await controller.stop({ ...record, timeoutSecs: 0 });
    for (const asked of [controller.start(record), controller.shutdown(record), controller.wait(record)])
      await assert.rejects(asked, { code: status.NOT_FOUND, details: /is a client's record/ });
    await clients.in("k8s.io").sandboxes.delete({ sandboxId: "record" });
  });
});
