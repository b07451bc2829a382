import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../ground/clock/index.ts";
import { readManifests } from "../../manifests/index.ts";
import { noPersistence, ObjectStore } from "../object-store.ts";
import { ObjectWriter } from "../object-writer.ts";
import { isOfKind } from "../objects.ts";
import { storeWorld } from "../store-world.ts";
import { keepRevision, revisionsOf } from "./controller-revisions.ts";
import { reconcileObject } from "./reconcile-object.ts";
import { templateHash } from "./template-hash.ts";
import { worldOf } from "./testing/world.ts";

test("sets of two kinds with one name and template keep a revision each, next to one that a user has applied", async () => {
  const spec = {
    selector: { matchLabels: { app: "db" } },
    template: { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "a", image: "b" }] } },
  };
  const metadata = { name: "db" };
  const hash = templateHash(spec.template);
  const texts = [
    { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec },
    { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec },
    {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: { name: `db-${hash}` },
      revision: 1,
      data: { spec: { template: spec.template } },
    },
  ].map((one) => JSON.stringify(one));
  const store = await ObjectStore.open(noPersistence, () => {});
  const clock = systemClock;
  const writer = new ObjectWriter({ store, clock, onDataChanged: () => {} });
  for (const text of texts)
    for (const manifest of readManifests([{ file: "sets.json", text }]).manifests)
      await writer.create(manifest);
  const world = storeWorld({
    ...worldOf({}),
    store,
    clock,
    writer,
    onStatus: () => {},
    onEvent: () => {},
  });
  const kept = async () => {
    for (const set of store.list()) {
      if (!isOfKind(set, "StatefulSet") && !isOfKind(set, "DaemonSet")) continue;
      await keepRevision(set, world);
      assert.deepEqual(
        revisionsOf(set, world).map(({ manifest }) => manifest.revision),
        [1],
      );
    }
    return store.list().length;
  };
  assert.equal(await kept(), 5);
  assert.equal(await kept(), 5);
});

test("a StatefulSet's pods have the name of their revision as a label, a DaemonSet's its hash", async () => {
  for (const [kind, labelOf] of [
    ["StatefulSet", (name: string) => name],
    ["DaemonSet", (name: string) => name.replace("db-", "")],
  ] as const) {
    const { store, reconcile } = await storeWith(kind);
    await reconcile();
    const [revision] = store.listOf("ControllerRevision");
    const [pod] = store.listOf("Pod");
    const { name = "" } = revision?.manifest.metadata ?? {};
    assert.match(name, /^db-[0-9a-f]{10}$/);
    assert.equal(pod?.manifest.metadata.labels["controller-revision-hash"], labelOf(name));
    const status = store.listOf(kind)[0]?.status;
    if (kind === "StatefulSet")
      assert.deepEqual([status?.currentRevision, status?.updateRevision], [name, name]);
  }
});

test("a set whose revision was stored by an earlier version, with the label of its pods, keeps its pods", async () => {
  for (const kind of ["StatefulSet", "DaemonSet"] as const) {
    const { store, reconcile } = await storeWith(kind);
    await reconcile();
    for (const object of [...store.listOf("ControllerRevision"), ...store.listOf("Pod")])
      await store.update(object, ({ manifest }) => {
        const { metadata } = manifest;
        const labels = { app: "db", "controller-revision-hash": "0123456789" };
        return { manifest: { ...manifest, metadata: { ...metadata, labels } } as typeof manifest };
      });
    const uids = () => store.listOf("Pod").map(({ uid }) => uid);
    const before = uids();
    await reconcile();
    assert.deepEqual(uids(), before);
    assert.equal(store.listOf("ControllerRevision").length, 1);
  }
});

/** A set in a store, and its reconciliation. */
async function storeWith(kind: "StatefulSet" | "DaemonSet") {
  const store = await ObjectStore.open(noPersistence, () => {});
  const clock = systemClock;
  const writer = new ObjectWriter({ store, clock, onDataChanged: () => {} });
  const selector = { matchLabels: { app: "db" } };
  const template = { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "a", image: "b" }] } };
  const spec = { selector, template };
  const text = JSON.stringify({ apiVersion: "apps/v1", kind, metadata: { name: "db" }, spec });
  for (const manifest of readManifests([{ file: "set.json", text }]).manifests) await writer.create(manifest);
  const world = storeWorld({ ...worldOf({}), store, clock, writer, onStatus: () => {}, onEvent: () => {} });
  const reconcile = async () => {
    for (let turn = 0; turn < 3; turn++)
      for (const set of store.listOf(kind)) await reconcileObject(set, world);
  };
  return { store, reconcile };
}
