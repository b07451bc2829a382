import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Manifest, type ManifestOf, readManifests } from "../../manifests/index.ts";
import { pendingStatus } from "../../podlife/index.ts";
import { isOfKind, type StoredObject } from "../objects.ts";
import { reconcileDeployment } from "./deployment.ts";

type ReplicaSet = StoredObject<ManifestOf<"ReplicaSet">>;

function deployment(image: string, spec: object): StoredObject<ManifestOf<"Deployment">> {
  const text = JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
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

/** Its sets, whose pods all are ready at once; and the most replicas that all together ever had. */
class Sets {
  readonly #sets = new Map<string, ReplicaSet>();
  most = 0;

  async apply(image: string, spec: object): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await this.#reconcile(deployment(image, spec));
  }

  /** By their images. */
  sizes(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#sets.values()].map(({ manifest: { spec } }) => [
        spec.template.spec.containers[0]?.image,
        spec.replicas ?? 1,
      ]),
    );
  }

  #put(manifest: Manifest): void {
    if (manifest.kind !== "ReplicaSet") return;
    const { name } = manifest.metadata;
    this.#sets.set(name, { manifest, uid: name, createdAtNs: 1n, generation: 1 });
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
    await reconcileDeployment(object, {
      nowNs: () => 0n,
      owned: (owner) => (isOfKind(owner, "ReplicaSet") ? this.#podsOf(owner) : [...this.#sets.values()]),
      podStatus: ({ manifest }) => ({
        ...pendingStatus(manifest.spec, []),
        conditions: [{ type: "Ready", status: "True", lastTransitionTime: "1970-01-01T00:00:00Z" }],
      }),
      create: async (manifest) => this.#put(manifest),
      change: async (_, manifest) => this.#put(manifest),
      remove: async ({ uid }) => void this.#sets.delete(uid),
      setStatus: async () => {},
      lookAgainAfter: () => {},
    });
  }
}

describe("a deployment", () => {
  it("whose bounds come to nothing replaces one pod at a time, and never has one more", async () => {
    const sets = new Sets();
    const spec = { replicas: 2, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: "25%" } } };
    await sets.apply("v1", spec);
    await sets.apply("v2", spec);
    assert.deepEqual(sets.sizes(), { v2: 2 });
    assert.equal(sets.most, 2);
  });

  it("that is paused is not rolled out, and has as many pods as it asks for", async () => {
    const sets = new Sets();
    await sets.apply("v1", { replicas: 1 });
    await sets.apply("v2", { replicas: 3, paused: true });
    assert.deepEqual(sets.sizes(), { v1: 3 });
  });
});
