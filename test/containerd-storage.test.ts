import assert from "node:assert/strict";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type ClientReadableStream, status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { Kind } = containerd.snapshotsV1;
const absentDigest = `sha256:${"a".repeat(64)}`;

describe("containerd's API of storage", () => {
  const host = withContainerd({ config: '[images]\ngc_delay = "0s"' });

  test("needs a namespace with a valid name", async () => {
    await assert.rejects(host.clients.in(undefined).images.list({ filters: [] }), {
      code: status.FAILED_PRECONDITION,
      details: "namespace is required: failed precondition",
    });
    await assert.rejects(host.clients.in("a b").leases.list({ filters: [] }), {
      code: status.INVALID_ARGUMENT,
    });
  });

  test("leases are created with ids and labels, hold resources, and are listed by filters", async () => {
    const { leases } = host.clients.in("leases");
    const { lease } = await leases.create({ id: "one", labels: { a: "1" } });
    assert.deepEqual([lease?.id, lease?.labels], ["one", { a: "1" }]);
    assert.ok((lease?.createdAt?.seconds ?? 0n) > 0n);
    assert.match((await leases.create({ id: "", labels: {} })).lease?.id ?? "", /./);
    // Only labels of other objects have a limit.
    const long = { a: "x".repeat(5000) };
    assert.deepEqual((await leases.create({ id: "long", labels: long })).lease?.labels, long);
    await leases.delete({ id: "long", sync: false });
    await assert.rejects(leases.create({ id: "one", labels: {} }), { code: status.ALREADY_EXISTS });
    const ids = async (...filters: string[]) => (await leases.list({ filters })).leases.map(({ id }) => id);
    assert.equal((await ids()).length, 2);
    assert.deepEqual(await ids("id==one"), ["one"]);
    assert.deepEqual(await ids("labels.a==1"), ["one"]);

    const resources = [
      { id: absentDigest, type: "content" },
      { id: "a ref", type: "ingests" },
      { id: "a key", type: "snapshots/overlayfs" },
      { id: "an image", type: "images" },
    ];
    for (const resource of resources) await leases.addResource({ id: "one", resource });
    const held = async () =>
      (await leases.listResources({ id: "one" })).resources.map(({ type }) => type).sort();
    assert.deepEqual(await held(), ["content", "images", "ingests", "snapshots/overlayfs"]);
    await leases.deleteResource({ id: "one", resource: resources[1] });
    assert.deepEqual(await held(), ["content", "images", "snapshots/overlayfs"]);
    for (const type of ["content", "content/x", "images/x", "ingests/x", "snapshots", "snapshots/a/b"])
      await assert.rejects(leases.addResource({ id: "one", resource: { id: "x", type } }), {
        code: status.INVALID_ARGUMENT,
      });
    await assert.rejects(leases.addResource({ id: "one", resource: { id: "x", type: "things" } }), {
      code: status.UNIMPLEMENTED,
    });
    await assert.rejects(leases.addResource({ id: "absent", resource: resources[0] }), {
      code: status.NOT_FOUND,
    });
    await leases.delete({ id: "one", sync: false });
    await assert.rejects(leases.delete({ id: "one", sync: false }), { code: status.NOT_FOUND });
    await assert.rejects(leases.listResources({ id: "one" }), { code: status.NOT_FOUND });
  });

  test("what a call creates is held by the first lease that it names, in the first of its namespaces", async () => {
    const { leases, snapshots, metadata } = host.clients.in("inner", "inner");
    await leases.create({ id: "inner", labels: {} });
    metadata.add("containerd-namespace", "outer");
    metadata.add("containerd-lease", "outer");
    await snapshots.prepare({ snapshotter: "overlayfs", key: "held", parent: "", labels: {} });
    const { resources } = await host.clients.in("inner").leases.listResources({ id: "inner" });
    assert.deepEqual(resources, [{ id: "held", type: "snapshots/overlayfs" }]);
    await snapshots.remove({ snapshotter: "overlayfs", key: "held" });
  });

  test("an image that expires is held by the lease of the call that created it", async () => {
    const { leases, images } = host.clients.in("expiring", "own");
    await leases.create({ id: "own", labels: {} });
    const target = { digest: absentDigest, mediaType: "application/json", size: 2n, annotations: {} };
    const image = (name: string, labels: Record<string, string> = {}) =>
      containerd.imagesV1.Image.fromPartial({ name, target, labels });
    const expired = { "containerd.io/gc.expire": "2001-01-01T00:00:00Z" };
    const names = async () => (await images.list({ filters: [] })).images.map(({ name }) => name);
    for (const made of [image("made", expired), image("lasting"), image("updated")])
      await images.create({ image: made, sourceDateEpoch: undefined });
    const updated = image("updated", expired);
    await images.update({ image: updated, updateMask: ["labels"], sourceDateEpoch: undefined });
    const { resources } = await leases.listResources({ id: "own" });
    assert.deepEqual(resources.map(({ id, type }) => `${type} ${id}`).sort(), [
      "images made",
      "images updated",
    ]);
    await leases.create({ id: "collects", labels: {} });
    await leases.delete({ id: "collects", sync: true });
    assert.deepEqual(await names(), ["lasting", "made", "updated"]);
    await leases.delete({ id: "own", sync: true });
    assert.deepEqual(await names(), ["lasting"]);
  });

  test("an active snapshot is removed with the only lease that held it", async () => {
    const snapshotter = "overlayfs";
    const { leases, snapshots } = host.clients.in("given-up", "first");
    const { containers } = host.clients.in("given-up");
    for (const id of ["first", "second"]) await leases.create({ id, labels: {} });
    const prepare = (key: string, labels = {}) => snapshots.prepare({ snapshotter, key, parent: "", labels });
    for (const key of ["alone", "shared", "used"]) await prepare(key);
    await prepare("rooted", { "containerd.io/gc.root": "a client" });
    await leases.addResource({ id: "second", resource: { id: "shared", type: "snapshots/overlayfs" } });
    const container = {
      id: "user",
      snapshotter,
      snapshotKey: "used",
      runtime: { name: "io.containerd.runc.v2" },
      spec: { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: Buffer.from("{}") },
    };
    await containers.create({ container: containerd.containersV1.Container.fromPartial(container) });
    await leases.delete({ id: "first", sync: true });
    const stat = (key: string) => host.clients.in("given-up").snapshots.stat({ snapshotter, key });
    await assert.rejects(stat("alone"), { code: status.NOT_FOUND });
    for (const key of ["shared", "used", "rooted"]) assert.equal((await stat(key)).info?.name, key);
    await leases.delete({ id: "second", sync: true });
    await assert.rejects(stat("shared"), { code: status.NOT_FOUND });
  });

  test("an active snapshot is removed when it leaves its lease, or when its lease expires", async () => {
    const snapshotter = "overlayfs";
    const { leases } = host.clients.in("let-go");
    const ends = new Date(Date.now() + 200).toISOString();
    await leases.create({ id: "kept", labels: {} });
    await leases.create({ id: "ends", labels: { "containerd.io/gc.expire": ends } });
    for (const [lease, key] of [
      ["kept", "taken-out"],
      ["kept", "held"],
      ["ends", "expired"],
    ] as const)
      await host.clients.in("let-go", lease).snapshots.prepare({ snapshotter, key, parent: "", labels: {} });
    const { snapshots } = host.clients.in("let-go");
    const there = async (key: string) =>
      snapshots.stat({ snapshotter, key }).then(
        () => true,
        () => false,
      );
    // It is not in that lease, so nobody releases it.
    await leases.deleteResource({ id: "ends", resource: { id: "held", type: "snapshots/overlayfs" } });
    await leases.deleteResource({ id: "kept", resource: { id: "taken-out", type: "snapshots/overlayfs" } });
    assert.deepEqual([await there("taken-out"), await there("held")], [false, true]);
    await eventually("the lease's end has come", async () => {
      await leases.create({ id: "collect", labels: {} });
      await leases.delete({ id: "collect", sync: true });
      return !(await there("expired"));
    });
    assert.equal(await there("held"), true);
  });

  test("a lease with a time of expiry is removed by the first collection after that", async () => {
    const { leases } = host.clients.in("expiry");
    const expire = (time: string) => ({ "containerd.io/gc.expire": time });
    await leases.create({ id: "past", labels: expire(new Date(Date.now() - 1000).toISOString()) });
    await leases.create({ id: "future", labels: expire(new Date(Date.now() + 3_600_000).toISOString()) });
    await leases.create({ id: "other", labels: {} });
    await assert.rejects(leases.create({ id: "bad", labels: expire("tomorrow") }), {
      code: status.INVALID_ARGUMENT,
    });
    await leases.delete({ id: "other", sync: true });
    const { leases: left } = await leases.list({ filters: [] });
    assert.deepEqual(
      left.map(({ id }) => id),
      ["future"],
    );
  });

  test("images are names with targets, labels and annotations, updated by masks and listed by filters", async () => {
    const { images } = host.clients.in("images");
    const target = { mediaType: "application/x", digest: absentDigest, size: 3n, annotations: { note: "n" } };
    const made = {
      name: "app:1",
      labels: { a: "1", b: "2" },
      target,
      createdAt: undefined,
      updatedAt: undefined,
    };
    const { image } = await images.create({ image: made, sourceDateEpoch: undefined });
    assert.deepEqual([image?.name, image?.labels, image?.target], ["app:1", made.labels, target]);
    const again = images.create({ image: made, sourceDateEpoch: undefined });
    await assert.rejects(again, { code: status.ALREADY_EXISTS, details: 'image "app:1" already exists' });
    await assert.rejects(images.get({ name: "absent" }), {
      code: status.NOT_FOUND,
      details: 'image "absent": not found',
    });
    const update = async (image: Partial<containerd.imagesV1.Image>, ...updateMask: string[]) => {
      const request = { image: { name: "app:1", ...image }, updateMask };
      await images.update(containerd.imagesV1.UpdateImageRequest.fromPartial(request));
      return (await images.get({ name: "app:1" })).image;
    };
    assert.deepEqual((await update({ labels: { a: "x", c: "y" } }, "labels.a"))?.labels, { a: "x", b: "2" });
    assert.deepEqual((await update({ labels: { c: "y" } }, "labels"))?.labels, { c: "y" });
    const other = { ...target, digest: `sha256:${"b".repeat(64)}`, annotations: { note: "m" } };
    const annotated = await update({ target: other }, "annotations.note");
    assert.deepEqual(
      [annotated?.target?.digest, annotated?.target?.annotations],
      [absentDigest, { note: "m" }],
    );
    assert.deepEqual((await update({ target: other }, "target"))?.target, other);
    const replaced = await update({ target, labels: { z: "1" } });
    assert.deepEqual([replaced?.target, replaced?.labels], [target, { z: "1" }]);
    const unusual = await update({}, "labels.constructor", "annotations.toString");
    assert.equal(
      JSON.stringify([unusual?.labels, unusual?.target?.annotations]),
      '[{"z":"1"},{"note":"n","toString":""}]',
    );
    await update({ target }, "target");
    await assert.rejects(update({}, "name"), { code: status.INVALID_ARGUMENT });
    const [first, second] = [1_000_000_000n, 1_000_000_001n].map((seconds) => ({ seconds, nanos: 5 }));
    await images.create({ image: { ...made, name: "old" }, sourceDateEpoch: first });
    const { image: old } = await images.update({
      image: { ...made, name: "old" },
      updateMask: ["labels"],
      sourceDateEpoch: second,
    });
    assert.deepEqual([old?.createdAt, old?.updatedAt], [first, second]);
    await images.delete({ name: "old", sync: false });
    const bad = { ...made, name: "bad", target: { ...target, digest: "x" } };
    await assert.rejects(images.create({ image: bad, sourceDateEpoch: undefined }), {
      code: status.INVALID_ARGUMENT,
    });

    const names = async (...filters: string[]) =>
      (await images.list({ filters })).images.map(({ name }) => name);
    for (const filter of [
      "name~=^app",
      "labels.z==1",
      `target.digest==${absentDigest}`,
      "annotations.note==n",
    ])
      assert.deepEqual(await names(filter), ["app:1"], filter);
    assert.deepEqual(await names("name==other"), []);
    assert.deepEqual((await host.clients.in("other").images.list({ filters: [] })).images, []);

    await assert.rejects(images.delete({ name: "app:1", sync: false, target: other }), {
      code: status.NOT_FOUND,
    });
    await images.delete({ name: "app:1", sync: true });
    const gone = { code: status.NOT_FOUND, details: 'image "app:1": not found' };
    await assert.rejects(images.delete({ name: "app:1", sync: true }), gone);
    // A client that is a moment late gets no other events either.
    await images.create({ image: { ...made, name: "app:1" }, sourceDateEpoch: undefined });
    const both = await Promise.allSettled([1, 2].map(() => images.delete({ name: "app:1", sync: true })));
    const [late, ...others] = both.filter((answer) => answer.status === "rejected");
    assert.deepEqual([late?.reason.code, late?.reason.details, others], [gone.code, gone.details, []]);
  });

  test("snapshots are prepared, viewed, committed, labelled, listed and removed by snapshotter", async () => {
    await host.clients.in("snapshots").leases.create({ id: "hold", labels: {} });
    const own = host.clients.in("snapshots", "hold");
    const { snapshots } = own;
    const snapshotter = "overlayfs";
    const { mounts } = await snapshots.prepare({ snapshotter, key: "one", parent: "", labels: { a: "1" } });
    assert.deepEqual([mounts.length, mounts[0]?.type], [1, "overlay"]);
    assert.ok(mounts[0]?.options.some((option) => option.startsWith("upperdir=")));
    assert.deepEqual((await snapshots.mounts({ snapshotter, key: "one" })).mounts, mounts);
    const stat = async (key: string) => (await snapshots.stat({ snapshotter, key })).info;
    assert.deepEqual([(await stat("one"))?.kind, (await stat("one"))?.labels], [Kind.ACTIVE, { a: "1" }]);
    // It is not collected while the others are removed.
    const labels = { b: "2", "containerd.io/gc.root": "yes" };
    await snapshots.commit({ snapshotter, name: "layer", key: "one", labels, parent: "" });
    assert.deepEqual([(await stat("layer"))?.kind, (await stat("layer"))?.labels], [Kind.COMMITTED, labels]);
    await assert.rejects(stat("one"), {
      code: status.NOT_FOUND,
      details: "snapshot one does not exist: not found",
    });
    await assert.rejects(snapshots.mounts({ snapshotter, key: "layer" }), {
      code: status.FAILED_PRECONDITION,
      details: /^snapshot layer is committed/,
    });
    const view = await snapshots.view({ snapshotter, key: "look", parent: "layer", labels: {} });
    assert.ok(view.mounts[0]?.options.includes("ro"));
    await snapshots.prepare({ snapshotter, key: "top", parent: "layer", labels: {} });
    assert.deepEqual([(await stat("look"))?.kind, (await stat("top"))?.parent], [Kind.VIEW, "layer"]);

    for (const parent of ["top", "look"])
      await assert.rejects(snapshots.prepare({ snapshotter, key: "on", parent, labels: {} }), {
        code: status.INVALID_ARGUMENT,
        details: /cannot be a parent/,
      });

    const unpacking = { "containerd.io/snapshot.ref": "layer" };
    await assert.rejects(snapshots.prepare({ snapshotter, key: "again", parent: "", labels: unpacking }), {
      code: status.ALREADY_EXISTS,
      details: 'target snapshot "layer": already exists',
    });

    const before = await stat("top");
    assert.deepEqual(before?.updatedAt, before?.createdAt);
    const info = containerd.snapshotsV1.Info.fromPartial({ name: "top", labels: { c: "3", d: "4" } });
    const updated = await snapshots.update({ snapshotter, info, updateMask: ["labels.c"] });
    assert.deepEqual(updated.info?.labels, { c: "3" });
    assert.notDeepEqual(updated.info?.updatedAt, before?.updatedAt);
    assert.deepEqual(await stat("top"), updated.info);
    await assert.rejects(snapshots.update({ snapshotter, info, updateMask: ["parent"] }), {
      code: status.INVALID_ARGUMENT,
    });

    const keys = async (...filters: string[]) => {
      const stream = own.raw.snapshots.list({ snapshotter, filters }, own.metadata);
      return (await all(stream)).flatMap((answer) => answer.info.map(({ name }) => name)).sort();
    };
    assert.deepEqual(await keys(), ["layer", "look", "top"]);
    assert.deepEqual(await keys("kind==committed", "labels.c==3"), ["layer", "top"]);
    assert.deepEqual(await keys("parent==layer,kind==view"), ["look"]);
    const usage = await snapshots.usage({ snapshotter, key: "layer" });
    assert.ok(usage.inodes >= 1n);
    await assert.rejects(snapshots.remove({ snapshotter, key: "layer" }), {
      code: status.FAILED_PRECONDITION,
    });
    for (const key of ["look", "top", "layer"]) await snapshots.remove({ snapshotter, key });
    await snapshots.cleanup({ snapshotter });
    assert.deepEqual(await keys(), []);
    await assert.rejects(snapshots.mounts({ snapshotter, key: "one" }), { code: status.NOT_FOUND });
    for (const bad of ["zfs", ""])
      await assert.rejects(snapshots.usage({ snapshotter: bad, key: "x" }), {
        code: status.INVALID_ARGUMENT,
      });
    await assert.rejects(snapshots.prepare({ snapshotter, key: "", parent: "", labels: {} }), {
      code: status.INVALID_ARGUMENT,
    });
  });

  test("unheld content is collected, and a snapshot that a lease holds is not", async () => {
    const snapshotter = "overlayfs";
    const { leases } = host.clients.in("held");
    await leases.create({ id: "hold", labels: {} });
    await leases.create({ id: "other", labels: {} });
    const { snapshots } = host.clients.in("held", "hold");
    const make = async (own: typeof snapshots, name: string) => {
      await own.prepare({ snapshotter, key: `making ${name}`, parent: "", labels: {} });
      await own.commit({ snapshotter, name, key: `making ${name}`, labels: {}, parent: "" });
    };
    await make(snapshots, "leased");
    await make(host.clients.in("held").snapshots, "loose");
    await leases.delete({ id: "other", sync: true });
    await snapshots.stat({ snapshotter, key: "leased" });
    await assert.rejects(snapshots.stat({ snapshotter, key: "loose" }), { code: status.NOT_FOUND });
    await leases.delete({ id: "hold", sync: true });
    await assert.rejects(snapshots.stat({ snapshotter, key: "leased" }), { code: status.NOT_FOUND });
    const gone = host.clients.in("held", "hold").snapshots;
    await assert.rejects(gone.prepare({ snapshotter, key: "x", parent: "", labels: {} }), {
      code: status.NOT_FOUND,
    });
  });

  test("an active snapshot that no lease, container or label holds is collected", async () => {
    const snapshotter = "overlayfs";
    const api = host.clients.in("active");
    const root = { "containerd.io/gc.root": "2030-01-01T00:00:00Z" };
    const prepare = (key: string, labels = {}) =>
      api.snapshots.prepare({ snapshotter, key, parent: "", labels });
    await prepare("labelled", root);
    await prepare("container");
    await prepare("referred");
    const container = containerd.containersV1.Container.fromPartial({
      ...{ id: "one", snapshotter, snapshotKey: "container" },
      labels: { "containerd.io/gc.ref.snapshot.overlayfs": "referred" },
      runtime: { name: "io.containerd.runc.v2" },
      spec: { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: Buffer.from("{}") },
    });
    await api.containers.create({ container });
    await prepare("loose");
    await api.snapshots.view({ snapshotter, key: "look", parent: "", labels: {} });
    const keys = async () => {
      const pages = await all(api.raw.snapshots.list({ snapshotter, filters: [] }, api.metadata));
      return pages.flatMap(({ info }) => info.map(({ name }) => name)).sort();
    };
    const collect = async () => {
      await api.leases.create({ id: "passing", labels: {} });
      await api.leases.delete({ id: "passing", sync: true });
    };
    await collect();
    assert.deepEqual(await keys(), ["container", "labelled", "referred"]);
    await api.containers.delete({ id: "one" });
    await collect();
    assert.deepEqual(await keys(), ["labelled"]);
  });

  test("reading from a namespace that does not exist creates nothing", async () => {
    const { raw, metadata, snapshots, images, containers, leases, content } = host.clients.in("nosuch");
    const snapshotter = "overlayfs";
    assert.deepEqual(await all(raw.snapshots.list({ snapshotter, filters: [] }, metadata)), []);
    for (const looking of [
      snapshots.stat({ snapshotter, key: "a" }),
      snapshots.mounts({ snapshotter, key: "a" }),
      snapshots.usage({ snapshotter, key: "a" }),
      snapshots.remove({ snapshotter, key: "a" }),
      images.get({ name: "a" }),
      content.info({ digest: absentDigest }),
    ])
      await assert.rejects(looking, { code: status.NOT_FOUND });
    await snapshots.cleanup({ snapshotter });
    await containers.list({ filters: [] });
    await leases.list({ filters: [] });
    const made = await readdir(host.berth.root, { recursive: true });
    assert.deepEqual(
      made.filter((path) => path.split("/").includes("nosuch")),
      [],
    );
  });

  test("the remains of a transfer in an unused namespace are removed at the next start, and no snapshot of a client's", async () => {
    const left = join(host.berth.root, "import", "import-1");
    await mkdir(left, { recursive: true });
    const { snapshots } = host.clients.in("left");
    const made = { snapshotter: "overlayfs", parent: "", labels: { "containerd.io/gc.root": "a client" } };
    // Like those by which a layer is read again for a push.
    await snapshots.view({ ...made, key: "remake-1" });
    await snapshots.prepare({ ...made, key: "remake-of-a-client" });
    await host.berth.restartDaemon();
    await assert.rejects(stat(left), { code: "ENOENT" });
    const { snapshotter } = made;
    await assert.rejects(snapshots.stat({ snapshotter, key: "remake-1" }), { code: status.NOT_FOUND });
    await snapshots.stat({ snapshotter, key: "remake-of-a-client" });
  });

  test("a namespace that is not empty is listed, and not deleted", async () => {
    const { namespaces, images, leases } = host.clients.in("full");
    const target = { mediaType: "application/x", digest: absentDigest, size: 3n, annotations: {} };
    const image = { name: "a", labels: {}, target, createdAt: undefined, updatedAt: undefined };
    await images.create({ image, sourceDateEpoch: undefined });
    await leases.create({ id: "one", labels: {} });
    const names = async () => (await namespaces.list({ filter: "" })).namespaces.map(({ name }) => name);
    assert.ok((await names()).includes("full"));
    await assert.rejects(namespaces.delete({ name: "full" }), {
      code: status.FAILED_PRECONDITION,
      details: /^namespace full is not empty: it still has images.*: failed precondition$/,
    });
    await images.delete({ name: "a", sync: true });
    await namespaces.delete({ name: "full" });
    assert.equal((await names()).includes("full"), false);
  });
});

async function all<Message>(stream: ClientReadableStream<Message>): Promise<readonly Message[]> {
  return await Array.fromAsync(stream as AsyncIterable<Message>);
}
