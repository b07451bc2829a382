import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../ground/clock/index.ts";
import { type Manifest, readManifests } from "../manifests/index.ts";
import { worldOf } from "./controllers/testing/world.ts";
import { noPersistence, ObjectStore, type Persistence } from "./object-store.ts";
import { ObjectWriter } from "./object-writer.ts";
import type { StoredObject } from "./objects.ts";
import { storeWorld } from "./store-world.ts";

async function worldWith(text: string, persistence: Persistence = noPersistence) {
  const [manifest] = readManifests([{ file: "object.yaml", text }]).manifests;
  assert.ok(manifest);
  const object: StoredObject = { manifest, uid: "one", createdAtNs: 1n, generation: 1 };
  const store = await ObjectStore.open(persistence, () => {});
  await store.add(object);
  const writer = new ObjectWriter({ store, clock: systemClock, onDataChanged: () => {} });
  const world = storeWorld({
    ...worldOf({}),
    store,
    writer,
    clock: systemClock,
    onStatus: () => {},
    onEvent: () => {},
  });
  return { object, store, writer, world };
}

test("an object that a user has deleted before a controller removes it is removed as the user requested", async () => {
  const { object, store, world } = await worldWith(
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
  );
  await store.update(object, () => ({ deleting: { graceSeconds: 1 } }));
  // The object as the controller has read it.
  await world.remove(object);
  assert.partialDeepStrictEqual(store.list()[0]?.deleting, { graceSeconds: 1 });
  assert.equal(store.list()[0]?.deleting?.byController, undefined);
});

test("an object that a controller and a user change at the same time has both changes", async () => {
  const kept = Promise.withResolvers<void>();
  let isSlow = false;
  const put = async () => (isSlow ? await kept.promise : undefined);
  const { object, store, writer, world } = await worldWith(
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, labels: {a: a}}\n",
    { ...noPersistence, put },
  );
  const withLabel =
    (name: string) =>
    ({ manifest }: StoredObject): Manifest => {
      const labels = { ...manifest.metadata.labels, [name]: name };
      return { ...manifest, metadata: { ...manifest.metadata, labels } };
    };
  isSlow = true;
  const changes = [writer.change(object, withLabel("b")), world.change(object, withLabel("c"))];
  kept.resolve();
  await Promise.all(changes);
  assert.deepEqual(store.list()[0]?.manifest.metadata.labels, { a: "a", b: "b", c: "c" });
});
