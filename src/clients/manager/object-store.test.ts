import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { readManifests } from "../manifests/index.ts";
import { noPersistence, ObjectStore, type Persistence } from "./object-store.ts";
import type { StoredObject } from "./objects.ts";
import { successorOf } from "./replacement.ts";

/** Stores objects like a database: with a delay. */
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

  it("loses neither of two simultaneous changes of an object", async () => {
    const persistence = slowPersistence();
    const store = await ObjectStore.open(persistence, () => {});
    const object = configMap("one");
    await store.add(object);
    await Promise.all([
      store.update(object, () => ({ deleting: {} })),
      store.update(object, () => ({ status: { seen: true } })),
    ]);
    const now = store.get(key);
    assert.deepEqual([now?.deleting !== undefined, now?.status], [true, { seen: true }]);
    assert.deepEqual(persistence.kept.get("one"), now);
  });

  it("keeps the time when an object's removal was first requested", async () => {
    let nowNs = 5n;
    const clock = { nowNs: () => nowNs };
    const store = await ObjectStore.open(noPersistence, () => {}, undefined, clock);
    await store.add(configMap("one"));
    await store.beginRemoval(configMap("one"), { graceSeconds: 30 });
    nowNs = 6n;
    await store.update(configMap("one"), () => ({ deleting: { graceSeconds: 1 } }));
    assert.deepEqual(store.get(key)?.deleting, { graceSeconds: 1, sinceNs: 5n });
  });

  it("has one object of a kind and name, even if two are created at once", async () => {
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

  it("has exactly one of the two at any time during a replacement", async () => {
    const persistence = slowPersistence();
    const there: (readonly string[])[] = [];
    const watched: Persistence = {
      ...persistence,
      put: async (object) => {
        await persistence.put(object);
        there.push([...persistence.kept.keys()]);
      },
      remove: async (uid) => {
        await persistence.remove(uid);
        there.push([...persistence.kept.keys()]);
      },
    };
    const store = await ObjectStore.open(watched, () => {});
    const object = configMap("one");
    await store.add(object);
    const { manifest } = configMap("two");
    await store.update(object, () => ({ deleting: { successor: { uid: "two", manifest } } }));
    await store.remove(object, (last) => successorOf(last, 2n));
    assert.deepEqual(there, [["one"], ["one"], ["one", "two"], ["two"]]);
    assert.deepEqual(store.get(key), { manifest, uid: "two", createdAtNs: 2n, generation: 1 });
  });

  it("continues a replacement that was interrupted before the old object was removed", async () => {
    for (const order of [
      ["one", "two"],
      ["two", "one"],
    ]) {
      const persistence = slowPersistence();
      for (const uid of order)
        await persistence.put({ ...configMap(uid), ...(uid === "one" ? { deleting: {} } : {}) });
      const store = await ObjectStore.open(persistence, () => {});
      assert.equal(store.get(key)?.uid, "two");
      assert.deepEqual([...persistence.kept.keys()], ["two"]);
    }
  });

  it("has nothing in place of an object whose replacement was cancelled", async () => {
    const persistence = slowPersistence();
    const store = await ObjectStore.open(persistence, () => {});
    const object = configMap("one");
    await store.add(object);
    const { manifest } = configMap("two");
    await store.update(object, () => ({ deleting: { successor: { uid: "two", manifest } } }));
    await store.update(object, () => ({ deleting: {} }));
    await store.remove(object, (last) => successorOf(last, 2n));
    assert.deepEqual([store.get(key), persistence.kept.size], [undefined, 0]);
  });
});
