import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "../../manifests/index.ts";
import { pendingStatus } from "../../podlife/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject, type StoredPod } from "../objects.ts";
import { reconcileStatefulSet } from "./stateful-set.ts";

/** A set of three pods, which all are ready as soon as they are made. */
class Pods {
  readonly pods = new Map<string, StoredPod>();
  #status: ObjectStatus | undefined;
  #image = "v1";

  async apply(image: string, updateStrategy: object): Promise<void> {
    this.#image = image;
    for (let turn = 0; turn < 20; turn++) await this.#reconcile(updateStrategy);
  }

  images(): readonly string[] {
    const names = [...this.pods.keys()].sort();
    return names.map((name) => this.pods.get(name)?.manifest.spec.containers[0]?.image ?? "");
  }

  get status(): ObjectStatus {
    return this.#status ?? {};
  }

  async #reconcile(updateStrategy: object): Promise<void> {
    const set = object({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db" },
      spec: {
        replicas: 3,
        updateStrategy,
        selector: { matchLabels: { app: "db" } },
        template: {
          metadata: { labels: { app: "db" } },
          spec: { containers: [{ name: "main", image: this.#image }] },
        },
      },
    });
    assert.ok(isOfKind(set, "StatefulSet"));
    const stored = this.#status === undefined ? set : { ...set, status: this.#status };
    await reconcileStatefulSet(stored, {
      nowNs: () => 0n,
      owned: () => [...this.pods.values()],
      podStatus: ({ manifest }) => ({
        ...pendingStatus(manifest.spec, []),
        phase: "Running",
        conditions: [{ type: "Ready", status: "True", lastTransitionTime: "1970-01-01T00:00:00Z" }],
      }),
      create: async (manifest) => {
        const pod = { manifest, uid: manifest.metadata.name, createdAtNs: 1n, generation: 1 };
        assert.ok(isOfKind(pod, "Pod"));
        this.pods.set(manifest.metadata.name, pod);
      },
      change: async () => {},
      remove: async (pod) => void this.pods.delete(pod.manifest.metadata.name),
      setStatus: async (_, status) => {
        this.#status = status;
      },
      lookAgainAfter: () => {},
    });
  }
}

function object(value: object): StoredObject {
  const [manifest] = readManifests([{ file: "set.json", text: JSON.stringify(value) }]).manifests;
  assert.ok(manifest);
  return { manifest, uid: "set", createdAtNs: 1n, generation: 1 };
}

describe("a stateful set whose template has changed", () => {
  const partition = (number: number) => ({ type: "RollingUpdate", rollingUpdate: { partition: number } });

  it("keeps pods below the partition as they were, also when they are made anew", async () => {
    const set = new Pods();
    await set.apply("v1", {});
    assert.deepEqual(set.images(), ["v1", "v1", "v1"]);
    await set.apply("v2", partition(2));
    assert.deepEqual(set.images(), ["v1", "v1", "v2"]);
    set.pods.delete("db-0");
    await set.apply("v2", partition(2));
    assert.deepEqual(set.images(), ["v1", "v1", "v2"]);
    assert.partialDeepStrictEqual(set.status, { currentReplicas: 2, updatedReplicas: 1 });
    assert.notEqual(set.status.currentRevision, set.status.updateRevision);
    await set.apply("v2", partition(0));
    assert.deepEqual(set.images(), ["v2", "v2", "v2"]);
    assert.equal(set.status.currentRevision, set.status.updateRevision);
  });

  it("with OnDelete makes each anew as it is now, once somebody has removed it", async () => {
    const set = new Pods();
    await set.apply("v1", { type: "OnDelete" });
    await set.apply("v2", { type: "OnDelete" });
    assert.deepEqual(set.images(), ["v1", "v1", "v1"]);
    set.pods.delete("db-1");
    await set.apply("v2", { type: "OnDelete" });
    assert.deepEqual(set.images(), ["v1", "v2", "v1"]);
  });
});
