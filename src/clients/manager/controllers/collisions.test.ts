import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../ground/clock/index.ts";
import { type Manifest, readManifests } from "../../manifests/index.ts";
import { noPersistence, ObjectStore } from "../object-store.ts";
import { ObjectWriter } from "../object-writer.ts";
import { isOfKind } from "../objects.ts";
import { storeWorld } from "../store-world.ts";
import { reconcileObject } from "./reconcile-object.ts";
import { templateHash } from "./template-hash.ts";
import { worldOf } from "./testing/world.ts";

const template = { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "a", image: "b" }] } };
const metadata = { name: "db" };
const selector = { matchLabels: { app: "db" } };

/** A store with controllers' world. */
async function openStore() {
  const store = await ObjectStore.open(noPersistence, () => {});
  const writer = new ObjectWriter({ store, clock: systemClock, onDataChanged: () => {} });
  const world = storeWorld({
    ...worldOf({}),
    store,
    clock: systemClock,
    writer,
    onStatus: () => {},
    onEvent: () => {},
  });
  const find = (kind: Manifest["kind"], name: string) => store.get({ kind, namespace: "default", name });
  const apply = async (...objects: object[]) => {
    for (const object of objects) {
      const text = JSON.stringify({ apiVersion: "apps/v1", ...object });
      for (const manifest of readManifests([{ file: "set.json", text }]).manifests) {
        const found = find(manifest.kind, manifest.metadata.name);
        if (found === undefined) await writer.create(manifest);
        else await writer.change(found, () => manifest);
      }
    }
  };
  const reconcile = async (kind: Manifest["kind"]) => {
    for (let turn = 0; turn < 5; turn++) {
      const now = find(kind, "db");
      assert.ok(now);
      await reconcileObject(now, world);
    }
  };
  return { store, find, apply, reconcile };
}

for (const [kind, owned] of [
  ["Deployment", "ReplicaSet"],
  ["StatefulSet", "ControllerRevision"],
  ["DaemonSet", "ControllerRevision"],
] as const)
  test(`a ${kind} whose ${owned} would have the name of somebody else's gives it another name, and counts that`, async () => {
    const { store, find, apply, reconcile } = await openStore();
    const set = () => find(kind, "db");
    const names = () =>
      store
        .list()
        .filter((one) => isOfKind(one, owned) && one.owner === set()?.uid)
        .map((one) => one.manifest.metadata.name);
    const original = { kind, metadata, spec: { selector, template } };

    await apply(original);
    const salt = kind === "Deployment" ? "" : set()?.uid;
    const taken = `db-${templateHash(template, salt)}`;
    const other = { template: { ...template, metadata: { labels: { app: "other" } } } };
    await apply(
      owned === "ReplicaSet"
        ? {
            kind: owned,
            metadata: { name: taken },
            spec: { selector: { matchLabels: { app: "other" } }, ...other },
          }
        : { kind: owned, metadata: { name: taken }, revision: 1, data: { spec: other } },
    );
    await reconcile(kind);
    const [name] = names();
    assert.equal(names().length, 1);
    assert.notEqual(name, taken);
    assert.equal(set()?.status?.collisionCount, 1);

    // An earlier template is found by what it says, not by the hash that its name would have now.
    const changed = { ...template, spec: { containers: [{ name: "a", image: "c" }] } };
    await apply({ ...original, spec: { selector, template: changed } });
    await reconcile(kind);
    assert.equal(names().length, 2);
    await apply(original);
    await reconcile(kind);
    assert.equal(names().length, 2);
    assert.equal(set()?.status?.collisionCount, 1);
  });

test("a Deployment whose template has the label of its ReplicaSets has one of them, and scales it", async () => {
  const { store, apply, reconcile } = await openStore();
  const labels = { app: "db", "pod-template-hash": "copied" };
  const spec = { selector, template: { ...template, metadata: { labels } } };
  const sizes = () =>
    store.list().flatMap((one) => (isOfKind(one, "ReplicaSet") ? [one.manifest.spec.replicas] : []));
  await apply({ kind: "Deployment", metadata, spec });
  await reconcile("Deployment");
  assert.deepEqual(sizes(), [1]);
  await apply({ kind: "Deployment", metadata, spec: { ...spec, replicas: 3 } });
  await reconcile("Deployment");
  assert.deepEqual(sizes(), [3]);
});

test("a Deployment makes another ReplicaSet if somebody has changed the template of its own", async () => {
  const { store, apply, reconcile } = await openStore();
  await apply({ kind: "Deployment", metadata, spec: { selector, template } });
  await reconcile("Deployment");
  const sets = () => store.list().filter((one) => isOfKind(one, "ReplicaSet"));
  const [first] = sets();
  assert.ok(first);
  const containers = [{ name: "a", image: "changed" }];
  const { spec, ...rest } = first.manifest;
  await apply({ ...rest, spec: { ...spec, template: { ...spec.template, spec: { containers } } } });
  await reconcile("Deployment");
  const images = sets().map((one) => one.manifest.spec.template.spec.containers[0]?.image);
  assert.deepEqual(images.toSorted(), ["b", "changed"]);
});

for (const kind of ["StatefulSet", "DaemonSet"] as const)
  test(`a ${kind} keeps its ControllerRevision if somebody has changed the label of it`, async () => {
    const { store, apply, reconcile } = await openStore();
    await apply({ kind, metadata, spec: { selector, template } });
    await reconcile(kind);
    const revisions = () => store.list().filter((one) => isOfKind(one, "ControllerRevision"));
    const [first] = revisions();
    assert.ok(first);
    const { metadata: ofFirst, ...rest } = first.manifest;
    for (const labels of [{ ...ofFirst.labels, "controller-revision-hash": "changed" }, {}]) {
      await apply({ ...rest, metadata: { ...ofFirst, labels } });
      await reconcile(kind);
      assert.equal(revisions().length, 1);
    }
  });
