import assert from "node:assert/strict";
import { test } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject, type StoredPod } from "../objects.ts";
import { reconcileDaemonSet } from "./daemon-set.ts";
import { worldOf } from "./testing/world.ts";

test("a daemon set has a pod only if the node has the labels that it requires", async () => {
  const set = object({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "agent" },
    spec: {
      selector: { matchLabels: { app: "agent" } },
      template: {
        metadata: { labels: { app: "agent" } },
        spec: { nodeSelector: { disk: "ssd" }, containers: [{ name: "main", image: "image" }] },
      },
    },
  });
  assert.ok(isOfKind(set, "DaemonSet"));
  const pods = new Map<string, StoredPod>();
  const reconcile = async (nodeLabels: Readonly<Record<string, string>>) => {
    let told: ObjectStatus = {};
    const world = worldOf({
      nodeLabels,
      owned: () => [...pods.values()],
      create: async (manifest) => {
        const pod = { ...set, manifest, uid: manifest.metadata.name };
        if (isOfKind(pod, "Pod")) pods.set(pod.uid, pod);
      },
      remove: async ({ uid }) => void pods.delete(uid),
      setStatus: async (_, status) => {
        told = status;
      },
    });
    for (let turn = 0; turn < 3; turn++) await reconcileDaemonSet(set, world);
    return { pods: pods.size, wanted: told.desiredNumberScheduled, wrong: told.numberMisscheduled };
  };
  assert.deepEqual(await reconcile({ disk: "hdd" }), { pods: 0, wanted: 0, wrong: 0 });
  assert.deepEqual(await reconcile({ disk: "ssd" }), { pods: 1, wanted: 1, wrong: 0 });
  assert.deepEqual(await reconcile({}), { pods: 0, wanted: 0, wrong: 0 });
});

function object(value: object): StoredObject {
  const [manifest] = readManifests([{ file: "set.json", text: JSON.stringify(value) }]).manifests;
  assert.ok(manifest);
  return { manifest, uid: "set", createdAtNs: 1n, generation: 1 };
}
