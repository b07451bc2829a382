import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { readManifests } from "../manifests/index.ts";
import { ObjectStore, type Persistence } from "./object-store.ts";
import type { StoredObject } from "./objects.ts";

/** Keeps objects as a database does: a while after it was asked. */
function slowPersistence(): Persistence & { readonly kept: Map<string, StoredObject> } {
  const kept = new Map<string, StoredObject>();
  return {
    kept,
    load: async () => [...kept.values()],
    put: async (object) => {
      await turn();
      kept.set(object.uid, object);
    },
    remove: async (uid) => {
      await turn();
      kept.delete(uid);
    },
  };
}

function configMap(uid: string): StoredObject {
  const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
  const [manifest] = readManifests([{ file: "settings.yaml", text }]).manifests;
  assert.ok(manifest);
  return { manifest, uid, createdAtNs: 1n, generation: 1 };
}

describe("the store of objects", () => {
  const key = { kind: "ConfigMap", namespace: "default", name: "settings" } as const;

  it("loses no change of two that are made of an object at once", async () => {
    const persistence = slowPersistence();
    const store = await ObjectStore.open(persistence, () => {});
    const object = configMap("one");
    await store.add(object);
    await Promise.all([
      store.update(object, () => ({ deleting: {} })),
      store.update(object, () => ({ status: { seen: true } })),
    ]);
    const now = store.get(key);
    assert.deepEqual([now?.deleting, now?.status], [{}, { seen: true }]);
    assert.deepEqual(persistence.kept.get("one"), now);
  });

  it("has one object of a kind and name, also when two are made at once", async () => {
    const persistence = slowPersistence();
    const store = await ObjectStore.open(persistence, () => {});
    const [first, second] = await Promise.allSettled([
      store.add(configMap("one")),
      store.add(configMap("two")),
    ]);
    assert.equal(first.status, "fulfilled");
    assert.equal(second.status, "rejected");
    assert.equal(second.reason.code, "AlreadyExists");
    assert.equal(store.get(key)?.uid, "one");
    assert.deepEqual([...persistence.kept.keys()], ["one"]);
  });
});
