import assert from "node:assert/strict";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Manifest, readManifests } from "../manifests/index.ts";
import { Claims } from "./claims.ts";
import { noPersistence, ObjectStore } from "./object-store.ts";
import { isOfKind, type StoredObject } from "./objects.ts";
import { stepOfRemoval } from "./removal.ts";

function objectOf(manifest: object, uid: string, owner?: string): StoredObject {
  const text = JSON.stringify({ apiVersion: "v1", ...manifest });
  const [read]: readonly (Manifest | undefined)[] = readManifests([{ file: "objects.yaml", text }]).manifests;
  assert.ok(read);
  const object = { manifest: read, uid, createdAtNs: 1n, generation: 1 };
  return owner === undefined ? object : { ...object, owner };
}

const claimSpec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } };

function claim(name: string, uid: string, owner?: string): StoredObject {
  return objectOf({ kind: "PersistentVolumeClaim", metadata: { name }, spec: claimSpec }, uid, owner);
}

function pod(name: string, uid: string, volume: object): StoredObject {
  const spec = { containers: [{ name: "main", image: "image" }], volumes: [{ name: "data", ...volume }] };
  return { ...objectOf({ kind: "Pod", metadata: { name }, spec }, uid), scheduledAtNs: 1n };
}

const ephemeral = { volumeClaimTemplate: { spec: claimSpec } };

async function storeOf(...objects: readonly StoredObject[]): Promise<ObjectStore> {
  const store = await ObjectStore.open(noPersistence, () => {});
  for (const object of objects) await store.add(object);
  return store;
}

test("a claim's volume is accessible to any user of a container, and to nobody else on the machine", async () => {
  await using dir = await tempDir();
  const store = await storeOf(claim("data", "one"));
  const claims = new Claims({ dataDir: dir.path, store, keep: false });
  assert.equal(await claims.directory("default", "none"), undefined);
  const path = await claims.directory("default", "data");
  assert.equal((await stat(path ?? "")).mode & 0o777, 0o777);
  assert.equal((await stat(join(dir.path, "claims"))).mode & 0o777, 0o700);
});

test("a pod's own claim neither contains nor removes the data of a kept one with that name", async () => {
  await using dir = await tempDir();
  const kept = claim("web-data", "kept");
  const before = new Claims({ dataDir: dir.path, store: await storeOf(kept), keep: true });
  const keptPath = (await before.directory("default", "web-data")) ?? "";
  await writeFile(join(keptPath, "file"), "");
  assert.ok(isOfKind(kept, "PersistentVolumeClaim"));
  await before.remove(kept);

  const [web, own] = [pod("web", "web", { ephemeral }), claim("web-data", "own", "web")];
  const store = await storeOf(web, own);
  const claims = new Claims({ dataDir: dir.path, store, keep: true });
  const path = (await claims.directory("default", "web-data")) ?? "";
  assert.deepEqual(await readdir(path), []);
  await store.remove(web);
  // Another pod may still use it.
  assert.equal(await claims.directory("default", "web-data"), path);
  assert.ok(isOfKind(own, "PersistentVolumeClaim"));
  await claims.remove(own);
  assert.deepEqual(await readdir(join(dir.path, "claims-of-pods")), []);
  assert.deepEqual(await readdir(keptPath), ["file"]);
});

test("a claim is removed when no pod uses it, even if a pod waits for its own with that name", async () => {
  const own = claim("web-data", "own", "first");
  const isFree = async (...pods: readonly StoredObject[]) =>
    await stepOfRemoval(own, {}, await storeOf(own, ...pods));
  assert.equal(await isFree(pod("web", "first", { ephemeral })), false);
  assert.equal(
    await isFree(pod("other", "other", { persistentVolumeClaim: { claimName: "web-data" } })),
    false,
  );
  assert.equal(await isFree(pod("web", "second", { ephemeral })), true);
  const { scheduledAtNs: _, ...waiting } = pod("other", "other", {
    persistentVolumeClaim: { claimName: "web-data" },
  });
  assert.equal(await isFree(waiting), true);
});
