import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { readManifests } from "../manifests/index.ts";
import { Claims } from "./claims.ts";
import { noPersistence, ObjectStore } from "./object-store.ts";

test("a claim's volume is for whoever a container runs as, and for nobody else on the machine", async () => {
  await using dir = await tempDir();
  const text = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {}\n";
  const [manifest] = readManifests([{ file: "data.yaml", text }]).manifests;
  assert.ok(manifest);
  const store = await ObjectStore.open(noPersistence, () => {});
  await store.add({ manifest, uid: "one", createdAtNs: 1n, generation: 1 });
  const root = join(dir.path, "claims");
  const claims = new Claims(root, store);
  assert.equal(await claims.directory("default", "none"), undefined);
  const path = await claims.directory("default", "data");
  assert.equal((await stat(path ?? "")).mode & 0o777, 0o777);
  assert.equal((await stat(root)).mode & 0o777, 0o700);
});
