import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { type Manifest, readManifests } from "../../manifests/index.ts";
import { pendingStatus } from "../../podlife/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject, type StoredPod } from "../objects.ts";
import type { ControllerRevision } from "./controller-revisions.ts";
import { reconcileStatefulSet } from "./stateful-set.ts";
import { worldOf } from "./testing/world.ts";

/** A set of three pods, which are all ready as soon as they are created. */
class Pods {
  readonly pods = new Map<string, StoredPod>();
  readonly claims = new Map<string, StoredObject>();
  readonly #revisions = new Map<string, ControllerRevision>();
  /** Number of pods that were removed in each turn, if any. */
  readonly removed: number[] = [];
  #status: ObjectStatus | undefined;
  #image = "v1";
  #removals = 0;

  async apply(image: string, updateStrategy: object, more: object = {}, turns = 20): Promise<void> {
    this.#image = image;
    for (let turn = 0; turn < turns; turn++) {
      const before = this.#removals;
      await this.#reconcile(updateStrategy, more);
      if (this.#removals > before) this.removed.push(this.#removals - before);
    }
  }

  images(): readonly string[] {
    const names = [...this.pods.keys()].sort();
    return names.map((name) => this.pods.get(name)?.manifest.spec.containers[0]?.image ?? "");
  }

  /** By their images. */
  revisions(): Readonly<Record<string, number>> {
    const all = [...this.#revisions.values()].map(({ manifest: { revision, data } }) => [
      data.spec.template.spec.containers[0]?.image,
      revision,
    ]);
    return Object.fromEntries(all);
  }

  get status(): ObjectStatus {
    return this.#status ?? {};
  }

  #keep(manifest: Manifest): void {
    this.#revisions.set(manifest.metadata.name, kept(manifest));
  }

  async #reconcile(updateStrategy: object, more: object): Promise<void> {
    const set = object({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db" },
      spec: {
        replicas: 3,
        updateStrategy,
        ...more,
        selector: { matchLabels: { app: "db" } },
        template: {
          metadata: { labels: { app: "db" } },
          spec: { containers: [{ name: "main", image: this.#image }] },
        },
      },
    });
    assert.ok(isOfKind(set, "StatefulSet"));
    const stored = this.#status === undefined ? set : { ...set, status: this.#status };
    await reconcileStatefulSet(
      stored,
      worldOf({
        owned: () => [...this.pods.values(), ...this.#revisions.values()],
        podStatus: ({ manifest }) => ({
          ...pendingStatus(manifest.spec, []),
          phase: "Running",
          conditions: [{ type: "Ready", status: "True", lastTransitionTime: "1970-01-01T00:00:00Z" }],
        }),
        find: ({ name }) => this.claims.get(name),
        adopt: async (claim, { uid }) =>
          void this.claims.set(claim.manifest.metadata.name, { ...claim, owner: uid }),
        change: async (object, change) => this.#keep(change(object) ?? object.manifest),
        create: async (manifest) => {
          if (manifest.kind === "ControllerRevision") return this.#keep(manifest);
          if (manifest.kind === "PersistentVolumeClaim")
            return void this.claims.set(manifest.metadata.name, {
              ...object(manifest),
              uid: manifest.metadata.name,
              owner: set.uid,
            });
          const pod = { manifest, uid: manifest.metadata.name, createdAtNs: 1n, generation: 1 };
          assert.ok(isOfKind(pod, "Pod"));
          this.pods.set(manifest.metadata.name, pod);
        },
        remove: async ({ manifest: { metadata } }) => {
          if (this.#revisions.delete(metadata.name)) return;
          this.#removals++;
          this.pods.delete(metadata.name);
        },
        setStatus: async (_, status) => {
          this.#status = status;
        },
      }),
    );
  }
}

function kept(manifest: Manifest): ControllerRevision {
  const revision = { manifest, uid: manifest.metadata.name, createdAtNs: 1n, generation: 1 };
  assert.ok(isOfKind(revision, "ControllerRevision"));
  return revision;
}

function object(value: object): StoredObject {
  const [manifest] = readManifests([{ file: "set.json", text: JSON.stringify(value) }]).manifests;
  assert.ok(manifest);
  return { manifest, uid: "set", createdAtNs: 1n, generation: 1 };
}

describe("a stateful set whose template has changed", () => {
  const partition = (number: number) => ({ type: "RollingUpdate", rollingUpdate: { partition: number } });

  it("keeps pods below the partition unchanged, even if they are recreated", async () => {
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

  it("with OnDelete recreates each with the new template, once somebody has removed it", async () => {
    const set = new Pods();
    await set.apply("v1", { type: "OnDelete" });
    await set.apply("v2", { type: "OnDelete" });
    assert.deepEqual(set.images(), ["v1", "v1", "v1"]);
    set.pods.delete("db-1");
    await set.apply("v2", { type: "OnDelete" });
    assert.deepEqual(set.images(), ["v1", "v2", "v1"]);
  });

  it("replaces as many at once as may be unavailable, the last ones first", async () => {
    for (const podManagementPolicy of ["OrderedReady", "Parallel"]) {
      const set = new Pods();
      await set.apply("v1", {}, { podManagementPolicy });
      await set.apply("v2", {}, { podManagementPolicy });
      assert.deepEqual(
        [set.images(), set.removed],
        [
          ["v2", "v2", "v2"],
          [1, 1, 1],
        ],
      );
      const rolling = { rollingUpdate: { maxUnavailable: "70%" } };
      await set.apply("v3", rolling, { podManagementPolicy });
      assert.deepEqual(
        [set.images(), set.removed.slice(3)],
        [
          ["v3", "v3", "v3"],
          [2, 1],
        ],
      );
    }
  });
});

test("a stateful set with the maximum number of pods creates them a few at a time", async () => {
  const replicas = 2 ** 31 - 1;
  const one = new Pods();
  await one.apply("v1", {}, { replicas }, 3);
  assert.deepEqual([...one.pods.keys()], ["db-0", "db-1", "db-2"]);
  const all = new Pods();
  await all.apply("v1", {}, { replicas, podManagementPolicy: "Parallel" }, 2);
  assert.equal(all.pods.size, 1000);
});

describe("the revisions of a stateful set", () => {
  it("are its numbered templates, of which it keeps the configured number in addition to those of its pods", async () => {
    const set = new Pods();
    const limit = { revisionHistoryLimit: 1 };
    for (const image of ["v1", "v2", "v3"]) await set.apply(image, {}, limit);
    assert.deepEqual(set.revisions(), { v2: 2, v3: 3 });
    // After a rollback, the old template is the newest again.
    await set.apply("v2", {}, limit);
    assert.deepEqual(set.revisions(), { v2: 4, v3: 3 });
    const byHand = { type: "OnDelete" };
    for (const image of ["v4", "v5"]) await set.apply(image, byHand, { revisionHistoryLimit: 0 });
    assert.deepEqual(set.revisions(), { v2: 4, v5: 6 });
    assert.deepEqual(set.images(), ["v2", "v2", "v2"]);
  });
});

describe("a stateful set with claims", () => {
  const storage = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } };
  const volumeClaimTemplates = [{ metadata: { name: "data" }, spec: storage }];

  it("adopts those of an earlier set with its name, as in Kubernetes", async () => {
    const set = new Pods();
    const claim = object({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data-db-1" },
      spec: storage,
    });
    set.claims.set("data-db-1", { ...claim, uid: "earlier", owner: "gone" });
    await set.apply("v1", {}, { volumeClaimTemplates });
    assert.deepEqual(set.images(), ["v1", "v1", "v1"]);
    assert.deepEqual(
      [...set.claims.values()].map(({ uid, owner }) => [uid, owner]),
      [
        ["earlier", "set"],
        ["data-db-0", "set"],
        ["data-db-2", "set"],
      ],
    );
  });
});
