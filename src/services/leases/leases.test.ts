import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type LeaseResource, LeaseStore, type Leases } from "./index.ts";

const blob: LeaseResource = { kind: "content", digest: digestOf(Buffer.from("blob")) };
const snapshot: LeaseResource = { kind: "snapshot", snapshotter: "overlayfs", key: "extract" };
const ingest: LeaseResource = { kind: "ingest", ref: "layer" };

type Open = AsyncDisposable & { readonly leases: Leases; readonly others: Leases };

async function openLeases(root: string): Promise<Open> {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  const store = await LeaseStore.open(database);
  return {
    leases: store.inNamespace("k8s.io"),
    others: store.inNamespace("moby"),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

test("a lease has its resources, also after a restart, and none after it is deleted", async () => {
  await using directory = await tempDir();
  {
    await using open = await openLeases(directory.path);
    const lease = await open.leases.create({ id: "pull", expiresAtNs: 123n, labels: { a: "1" } });
    await Promise.all([
      open.leases.addResources(lease.id, [blob, snapshot]),
      open.leases.addResources(lease.id, [blob, ingest]),
    ]);
  }
  await using open = await openLeases(directory.path);
  const [lease, ...others] = open.leases.list();
  assert.deepEqual(others, []);
  assert.deepEqual(
    { ...lease, createdAtNs: 0n, resources: new Set(lease?.resources) },
    {
      id: "pull",
      createdAtNs: 0n,
      expiresAtNs: 123n,
      labels: { a: "1" },
      resources: new Set([blob, ingest, snapshot]),
    },
  );
  await open.leases.delete("pull");
  await open.leases.delete("never there");
  assert.deepEqual(open.leases.list(), []);
  await open.leases.create({ id: "pull" });
  assert.deepEqual(open.leases.list()[0]?.resources, []);
});

test("leases get ids of their own, and an id is taken once in a namespace", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  const [a, b] = [await open.leases.create(), await open.leases.create()];
  assert.notEqual(a.id, b.id);
  await assert.rejects(open.leases.create({ id: a.id }), { name: "LeaseError", code: "AlreadyExists" });
  assert.deepEqual(open.others.list(), []);
  await open.others.create({ id: a.id });
  await open.others.addResources(a.id, [blob]);
  assert.equal(open.leases.list().length, 2);
  await open.leases.delete(a.id);
  assert.equal(open.leases.get(a.id), undefined);
  assert.deepEqual(open.others.get(a.id)?.resources, [blob]);
});

test("labels of a lease are merged or replaced, and its resources stay", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  const { id } = await open.leases.create({ labels: { a: "1", b: "2" } });
  await open.leases.addResources(id, [blob]);
  assert.deepEqual((await open.leases.setLabels(id, { a: "", c: "3" })).labels, { b: "2", c: "3" });
  const replaced = await open.leases.setLabels(id, { d: "4" }, "replace");
  assert.deepEqual([replaced.labels, replaced.resources], [{ d: "4" }, [blob]]);
  await assert.rejects(open.leases.setLabels("gone", {}), { code: "NotFound" });
});

test("a resource can be taken out of a lease again", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  const { id } = await open.leases.create();
  await open.leases.addResources(id, [blob, snapshot, ingest]);
  await open.leases.removeResources(id, [{ key: "extract", snapshotter: "overlayfs", kind: "snapshot" }]);
  await open.leases.removeResources(id, [snapshot, ingest]);
  assert.deepEqual(open.leases.get(id)?.resources, [blob]);
  await assert.rejects(open.leases.removeResources("gone", [blob]), { code: "NotFound" });
});

test("deleting a lease leaves one alone whose id begins with the same letters", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  for (const id of ["a", "a b"]) {
    await open.leases.create({ id });
    await open.leases.addResources(id, [blob]);
  }
  await open.leases.delete("a");
  assert.deepEqual(
    open.leases.list().map(({ id, resources }) => [id, resources]),
    [["a b", [blob]]],
  );
});

test("nothing can be added to a lease that is not there", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  await assert.rejects(open.leases.addResources("gone", [blob]), { code: "NotFound" });
});

test("leases of a namespace do not change while they are frozen, those of others do", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  await open.leases.create({ id: "pull" });
  const frozen = await open.leases.freeze();
  let added = false;
  const adding = open.leases.addResources("pull", [blob]).then(() => {
    added = true;
  });
  await open.others.create({ id: "pull" });
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(added, false);
  frozen[Symbol.dispose]();
  await adding;
  assert.deepEqual(open.leases.list()[0]?.resources, [blob]);
});

test("a hold protects its resources until it ends, in no lease and on no disk", async () => {
  await using directory = await tempDir();
  {
    await using open = await openLeases(directory.path);
    const first = open.leases.hold();
    using second = open.leases.hold();
    await Promise.all([first.add([blob, ingest]), second.add([snapshot])]);
    assert.deepEqual(new Set(open.leases.held()), new Set([blob, ingest, snapshot]));
    assert.deepEqual(open.others.held(), []);
    assert.deepEqual(open.leases.list(), []);
    first[Symbol.dispose]();
    assert.deepEqual(open.leases.held(), [snapshot]);
  }
  await using open = await openLeases(directory.path);
  assert.deepEqual(open.leases.held(), []);
});

test("a hold does not grow while leases are frozen", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  using hold = open.leases.hold();
  const frozen = await open.leases.freeze();
  const adding = hold.add([blob]);
  await nextTurn();
  assert.deepEqual(open.leases.held(), []);
  frozen[Symbol.dispose]();
  await adding;
  assert.deepEqual(open.leases.held(), [blob]);
});
