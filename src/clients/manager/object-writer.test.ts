import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../ground/clock/index.ts";
import { readManifests } from "../manifests/index.ts";
import { noPersistence, ObjectStore } from "./object-store.ts";
import { ObjectWriter } from "./object-writer.ts";
import { withRestart } from "./rollout.ts";
import { withReplicas } from "./scale.ts";

async function writtenDeployment() {
  const template = {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "a", image: "b" }] },
  };
  const text = JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: { selector: { matchLabels: { app: "web" } }, template },
  });
  const [manifest] = readManifests([{ file: "web.json", text }]).manifests;
  assert.ok(manifest);
  const store = await ObjectStore.open(noPersistence, () => {});
  const writer = new ObjectWriter({ store, clock: systemClock, onDataChanged: () => {} });
  await writer.create(manifest);
  const [object] = store.list();
  assert.ok(object);
  return { store, writer, object };
}

describe("the writer of objects", () => {
  it("loses neither of two simultaneous changes of an object", async () => {
    const { store, writer, object } = await writtenDeployment();
    await Promise.all([
      writer.change(object, ({ manifest }) => withReplicas(manifest, 5)),
      writer.change(object, ({ manifest }) => withRestart(manifest, 0n)),
    ]);
    const { manifest, generation } = store.list()[0] ?? object;
    assert.ok(manifest.kind === "Deployment");
    assert.equal(manifest.spec.replicas, 5);
    assert.ok(manifest.spec.template.metadata?.annotations?.["kubectl.kubernetes.io/restartedAt"]);
    assert.equal(generation, 3);
  });

  it("does not change a removed object", async () => {
    const { store, writer, object } = await writtenDeployment();
    await writer.remove(object);
    await assert.rejects(
      writer.change(object, ({ manifest }) => manifest),
      {
        code: "NotFound",
        message: "Deployment default/web not found",
      },
    );
    assert.deepEqual(store.list(), []);
  });
});
