import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../ground/clock/index.ts";
import { readManifests } from "../manifests/index.ts";
import { worldOf } from "./controllers/testing/world.ts";
import { noPersistence, ObjectStore } from "./object-store.ts";
import { storeWorld } from "./store-world.ts";

test("what a controller removes that a user has deleted meanwhile goes as the user has said", async () => {
  const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
  const [manifest] = readManifests([{ file: "settings.yaml", text }]).manifests;
  assert.ok(manifest);
  const object = { manifest, uid: "one", createdAtNs: 1n, generation: 1 };
  const store = await ObjectStore.open(noPersistence, () => {});
  await store.add(object);
  const world = storeWorld({ ...worldOf({}), store, clock: systemClock, onStatus: () => {} });
  await store.update(object, () => ({ deleting: { graceSeconds: 1 } }));
  // As it was when the controller looked at it.
  await world.remove(object);
  assert.deepEqual(store.list()[0]?.deleting, { graceSeconds: 1 });
});
