import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { openDatabase } from "../metadata/index.ts";
import { digestOf } from "../oci/index.ts";
import { tempDir } from "../testing/temp-dir.ts";
import { type LeaseResource, Leases } from "./index.ts";

const ns = "k8s.io";
const blob: LeaseResource = { kind: "content", digest: digestOf(Buffer.from("blob")) };
const snapshot: LeaseResource = { kind: "snapshot", snapshotter: "overlayfs", key: "extract" };
const ingest: LeaseResource = { kind: "ingest", ref: "layer" };

async function openLeases(root: string): Promise<AsyncDisposable & { readonly leases: Leases }> {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  return {
    leases: await Leases.open(database),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

test("a lease has its resources, also after a restart, and none after it is deleted", async () => {
  await using directory = await tempDir();
  {
    await using open = await openLeases(directory.path);
    const lease = await open.leases.create(ns, { id: "pull", expiresAtNs: 123n, labels: { a: "1" } });
    await Promise.all([
      open.leases.addResources(ns, lease.id, [blob, snapshot]),
      open.leases.addResources(ns, lease.id, [blob, ingest]),
    ]);
  }
  await using open = await openLeases(directory.path);
  const [lease, ...others] = open.leases.list(ns);
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
  await open.leases.delete(ns, "pull");
  await open.leases.delete(ns, "never there");
  assert.deepEqual(open.leases.list(ns), []);
  await open.leases.create(ns, { id: "pull" });
  assert.deepEqual(open.leases.list(ns)[0]?.resources, []);
});

test("leases get ids of their own, and an id is taken once in a namespace", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  const [a, b] = [await open.leases.create(ns), await open.leases.create(ns)];
  assert.notEqual(a.id, b.id);
  await assert.rejects(open.leases.create(ns, { id: a.id }), { name: "ContentError", code: "AlreadyExists" });
  await open.leases.create("moby", { id: a.id });
  assert.equal(open.leases.list(ns).length, 2);
});

test("deleting a lease leaves one alone whose id begins with the same letters", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  for (const id of ["a", "a b"]) {
    await open.leases.create(ns, { id });
    await open.leases.addResources(ns, id, [blob]);
  }
  await open.leases.delete(ns, "a");
  assert.deepEqual(
    open.leases.list(ns).map(({ id, resources }) => [id, resources]),
    [["a b", [blob]]],
  );
});

test("nothing can be added to a lease that is not there", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  await assert.rejects(open.leases.addResources(ns, "gone", [blob]), { code: "NotFound" });
});

test("leases do not change while they are frozen", async () => {
  await using directory = await tempDir();
  await using open = await openLeases(directory.path);
  await open.leases.create(ns, { id: "pull" });
  const frozen = await open.leases.freeze();
  let added = false;
  const adding = open.leases.addResources(ns, "pull", [blob]).then(() => {
    added = true;
  });
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(added, false);
  frozen[Symbol.dispose]();
  await adding;
  assert.deepEqual(open.leases.list(ns)[0]?.resources, [blob]);
});
