import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Manifest, type ManifestOf, readManifests } from "../../manifests/index.ts";
import { pendingStatus } from "../../podlife/index.ts";
import { isOfKind, type ObjectStatus, type StoredObject } from "../objects.ts";
import { reconcileDeployment } from "./deployment.ts";
import type { DeploymentCondition } from "./deployment-conditions.ts";
import { atRevision } from "./deployment-revisions.ts";
import { worldOf } from "./testing/world.ts";

type ReplicaSet = StoredObject<ManifestOf<"ReplicaSet">>;

function deployment(
  image: string,
  spec: object,
  annotations: object = {},
): StoredObject<ManifestOf<"Deployment">> {
  const text = JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", annotations },
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", image }] } },
      ...spec,
    },
  });
  const [manifest] = readManifests([{ file: "web.json", text }]).manifests;
  const object = manifest && { manifest, uid: "web", createdAtNs: 1n, generation: 1 };
  assert.ok(object && isOfKind(object, "Deployment"));
  return object;
}

/** Its sets, whose pods are ready at once unless their image is bad, and the maximum number of pods. */
class Sets {
  readonly #sets = new Map<string, ReplicaSet>();
  most = 0;
  nowNs = 0n;
  status: ObjectStatus | undefined;

  async apply(image: string, spec: object, annotations: object = {}): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await this.#reconcile(deployment(image, spec, annotations));
  }

  get all(): readonly ReplicaSet[] {
    return [...this.#sets.values()];
  }

  /** By their images. */
  sizes(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      this.all.map(({ manifest: { spec } }) => [spec.template.spec.containers[0]?.image, spec.replicas ?? 1]),
    );
  }

  /** By their images. */
  revisions(): Readonly<Record<string, string | undefined>> {
    return Object.fromEntries(
      this.all.map(({ manifest: { spec, metadata } }) => [
        spec.template.spec.containers[0]?.image,
        metadata.annotations["deployment.kubernetes.io/revision"],
      ]),
    );
  }

  /** As `type status reason`. */
  conditions(): readonly string[] {
    const { conditions = [] } = (this.status ?? {}) as {
      readonly conditions?: readonly DeploymentCondition[];
    };
    return conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  }

  #put(manifest: Manifest): void {
    if (manifest.kind !== "ReplicaSet") return;
    const { name } = manifest.metadata;
    const { generation = 0, createdAtNs = BigInt(this.#sets.size) } = this.#sets.get(name) ?? {};
    this.#sets.set(name, { manifest, uid: name, createdAtNs, generation: generation + 1 });
    this.most = Math.max(
      this.most,
      Object.values(this.sizes()).reduce((sum, one) => sum + one, 0),
    );
  }

  #podsOf({ manifest: { spec, metadata }, uid }: ReplicaSet): readonly StoredObject[] {
    return Array.from({ length: spec.replicas ?? 1 }, (_, index) => ({
      manifest: { apiVersion: "v1", kind: "Pod", metadata, spec: spec.template.spec } as const,
      uid: `${uid}-${index}`,
      createdAtNs: 1n,
      generation: 1,
    }));
  }

  async #reconcile(object: ReturnType<typeof deployment>): Promise<void> {
    await reconcileDeployment(
      this.status === undefined ? object : { ...object, status: this.status },
      worldOf({
        nowNs: () => this.nowNs,
        owned: (owner) => (isOfKind(owner, "ReplicaSet") ? this.#podsOf(owner) : this.all),
        podStatus: ({ manifest: { spec } }) => ({
          ...pendingStatus(spec, []),
          conditions: [
            {
              type: "Ready",
              status: spec.containers[0]?.image.startsWith("bad") === true ? "False" : "True",
              lastTransitionTime: "1970-01-01T00:00:00Z",
            },
          ],
        }),
        create: async (manifest) => this.#put(manifest),
        change: async (object, change) => this.#put(change(object) ?? object.manifest),
        remove: async ({ uid }) => void this.#sets.delete(uid),
        setStatus: async (_, status) => {
          this.status = status;
        },
      }),
    );
  }
}

describe("a deployment", () => {
  it("whose bounds round to zero replaces one pod at a time, and never has one more", async () => {
    const sets = new Sets();
    const spec = { replicas: 2, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: "25%" } } };
    await sets.apply("v1", spec);
    await sets.apply("v2", spec);
    assert.deepEqual(sets.sizes(), { v1: 0, v2: 2 });
    assert.equal(sets.most, 2);
  });

  it("that is paused is not rolled out, and has the requested number of pods", async () => {
    const sets = new Sets();
    await sets.apply("v1", { replicas: 1 });
    await sets.apply("v2", { replicas: 3, paused: true });
    assert.deepEqual(sets.sizes(), { v1: 3 });
    assert.deepEqual(sets.conditions(), [
      "Available True MinimumReplicasAvailable",
      "Progressing Unknown DeploymentPaused",
    ]);
  });

  it("that is scaled during a rollout spreads the pods over its templates", async () => {
    const scaled = async (replicas: number, more: object = {}) => {
      const sets = new Sets();
      const strategy = { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
      await sets.apply("v1", { replicas: 10, strategy });
      await sets.apply("bad", { replicas: 10, strategy });
      assert.deepEqual(sets.sizes(), { v1: 8, bad: 5 });
      await sets.apply("bad", { replicas, strategy, ...more });
      return sets;
    };
    // The example in Kubernetes' documentation of deployments ("Proportional scaling").
    const larger = await scaled(15);
    assert.deepEqual(larger.sizes(), { v1: 11, bad: 7 });
    assert.equal(larger.most, 18);
    assert.deepEqual((await scaled(15, { paused: true })).sizes(), { v1: 11, bad: 7 });
    assert.deepEqual((await scaled(5)).sizes(), { v1: 3, bad: 5 });
    assert.deepEqual((await scaled(0)).sizes(), { v1: 0, bad: 0 });
  });

  it("keeps the configured number of earlier templates, and counts them", async () => {
    const sets = new Sets();
    for (const image of ["v1", "v2", "v3", "v4"]) await sets.apply(image, { revisionHistoryLimit: 2 });
    assert.deepEqual(sets.revisions(), { v2: "2", v3: "3", v4: "4" });
    await sets.apply("v2", { revisionHistoryLimit: 2 });
    assert.deepEqual(sets.revisions(), { v2: "5", v3: "3", v4: "4" });
    assert.deepEqual(sets.sizes(), { v2: 1, v3: 0, v4: 0 });
    await sets.apply("v5", { revisionHistoryLimit: 0 });
    assert.deepEqual(sets.revisions(), { v5: "6" });
  });

  it("can be reconstructed for each of them", async () => {
    const cause = (text: string) => ({ "kubernetes.io/change-cause": text });
    const sets = new Sets();
    await sets.apply("v1", {}, cause("first"));
    await sets.apply("v2", {}, cause("second"));
    const now = deployment("v2", {}, cause("second"));
    const before = deployment("v1", {}, cause("first")).manifest;
    for (const revision of [0, 1])
      assert.deepEqual(atRevision(now, sets.all, revision), { revision: 1, manifest: before });
    assert.equal(atRevision(now, sets.all, 3), undefined);
  });

  it("whose new pods do not start keeps the available ones, and reports when it took too long", async () => {
    const sets = new Sets();
    const spec = { replicas: 4, progressDeadlineSeconds: 60 };
    await sets.apply("v1", spec);
    const progress = () => sets.conditions()[1];
    assert.equal(progress(), "Progressing True NewReplicaSetAvailable");
    await sets.apply("bad", spec);
    assert.deepEqual(sets.sizes(), { v1: 3, bad: 2 });
    assert.equal(progress(), "Progressing True ReplicaSetUpdated");
    sets.nowNs = 59_000_000_000n;
    await sets.apply("bad", spec);
    assert.equal(progress(), "Progressing True ReplicaSetUpdated");
    sets.nowNs = 62_000_000_000n;
    await sets.apply("bad", spec);
    assert.equal(progress(), "Progressing False ProgressDeadlineExceeded");
    // Another template starts within the maximum number of pods; those that never started go first.
    await sets.apply("v2", spec);
    assert.deepEqual(sets.sizes(), { v1: 0, bad: 0, v2: 4 });
    assert.equal(progress(), "Progressing True NewReplicaSetAvailable");
    assert.equal(sets.most, 5);
  });
});
