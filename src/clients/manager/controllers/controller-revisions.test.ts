import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../ground/clock/index.ts";
import { readManifests } from "../../manifests/index.ts";
import { noPersistence, ObjectStore } from "../object-store.ts";
import { ObjectWriter } from "../object-writer.ts";
import { isOfKind } from "../objects.ts";
import { storeWorld } from "../store-world.ts";
import { keepRevision, revisionsOf } from "./controller-revisions.ts";
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
  });
  const kept = async () => {
    for (const set of store.list()) {
      if (!isOfKind(set, "StatefulSet") && !isOfKind(set, "DaemonSet")) continue;
      await keepRevision(set, { hash, template: set.manifest.spec.template }, [], world);
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
