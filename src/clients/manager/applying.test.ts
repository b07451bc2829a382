import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../ground/clock/index.ts";
import { type Manifest, readManifests } from "../manifests/index.ts";
import { planApply } from "./apply.ts";
import { applyPlanned } from "./applying.ts";
import { noPersistence, ObjectStore } from "./object-store.ts";
import { ObjectWriter } from "./object-writer.ts";

function settings(more: object): Manifest {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, ...more };
  const [manifest] = readManifests([{ file: "settings.json", text: JSON.stringify(object) }]).manifests;
  assert.ok(manifest);
  return manifest;
}

/** A store in which changes wait until they are let through, so that two are under way at once. */
async function slowStore(...there: readonly Manifest[]) {
  const gate = Promise.withResolvers<void>();
  let isSlow = false;
  const put = async () => (isSlow ? await gate.promise : undefined);
  const store = await ObjectStore.open({ ...noPersistence, put }, () => {});
  const writer = new ObjectWriter({ store, clock: systemClock, onDataChanged: () => {} });
  for (const manifest of there) await writer.create(manifest);
  isSlow = true;
  const apply = (manifest: Manifest, source?: string) =>
    applyPlanned(planApply([manifest], store, {}), {
      store,
      writer,
      source,
      waitUntilGone: async () => {},
    });
  const now = () => store.getOf("ConfigMap", "default", "settings")?.manifest;
  return { apply, now, letThrough: () => gate.resolve() };
}

describe("objects that are applied twice at once", () => {
  it("are created by the first and changed by the second", async () => {
    const { apply, now, letThrough } = await slowStore();
    const both = [apply(settings({ data: { a: "1" } })), apply(settings({ data: { a: "2" } }))];
    letThrough();
    await Promise.all(both);
    assert.deepEqual(now(), settings({ data: { a: "2" } }));
  });

  it("stay those of the directory that has made them first", async () => {
    const { apply, now, letThrough } = await slowStore();
    const both = Promise.allSettled([
      apply(settings({ data: { a: "1" } }), "/etc/first"),
      apply(settings({ data: { a: "2" } }), "/etc/second"),
    ]);
    letThrough();
    const [first, second] = await both;
    assert.equal(first.status, "fulfilled");
    assert.ok(second.status === "rejected");
    assert.match(String(second.reason), /ConfigMap default\/settings already exists/);
    assert.deepEqual(now(), settings({ data: { a: "1" } }));
  });

  it("stay as the first has sealed them", async () => {
    const { apply, now, letThrough } = await slowStore(settings({ data: { a: "1" } }));
    const sealed = settings({ data: { a: "2" }, immutable: true });
    const both = Promise.allSettled([apply(sealed), apply(settings({ data: { a: "3" } }))]);
    letThrough();
    const [first, second] = await both;
    assert.equal(first.status, "fulfilled");
    assert.ok(second.status === "rejected");
    assert.match(String(second.reason), /ConfigMap default\/settings has another specification/);
    assert.deepEqual(now(), sealed);
  });
});
