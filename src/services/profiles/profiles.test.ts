import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Digest, digestOf, parseReference } from "../../parts/oci/index.ts";
import { profileArtifact } from "../../testing/artifacts.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openContent } from "../content/index.ts";
import { ServiceEvents } from "../events/index.ts";
import { collectGarbage } from "../gc/index.ts";
import { LeaseStore } from "../leases/index.ts";
import { openSecurityProfiles, profileRoots } from "./index.ts";

const namespace = "k8s.io";
const logger = createLogger({ level: "silent", format: "json" });
const manifestType = "application/vnd.oci.image.manifest.v1+json";

/**
 * Real stores, and an artifact as a registry that knows every algorithm would give it out; counts how often
 * it was asked.
 */
async function stores() {
  await using undo = new AsyncDisposableStack();
  const { path: root } = undo.use(await tempDir());
  const database = undo.use(await openDatabase({ path: join(root, "metadata.db") }));
  const content = (await openContent({ root, database, events: new ServiceEvents(), logger })).inNamespace(
    namespace,
  );
  const leases = (await LeaseStore.open(database)).inNamespace(namespace);
  const { blobs, target } = profileArtifact({ defaultAction: "SCMP_ACT_ALLOW" });
  const manifest = blobs.get(target.digest)?.bytes ?? new Uint8Array();
  let asked = 0;
  const artifact = ({ reference }: { readonly reference: string }) => ({
    resolve: async () => {
      asked++;
      const digest = digestOf(manifest, parseReference(reference).digest);
      return { descriptor: { mediaType: manifestType, digest, size: manifest.length }, bytes: manifest };
    },
    small: async ({ digest }: { readonly digest: Digest }) => blobs.get(digest)?.bytes ?? new Uint8Array(),
  });
  const roots = await profileRoots(database, namespace);
  const collectAll = async () => void (await collectGarbage({ content, leases, snapshotters: [], roots }));
  const images = { artifact, collectGarbage: collectAll };
  const profiles = await openSecurityProfiles({
    namespace,
    database,
    content,
    leases,
    images,
    check: () => {},
  });
  const opened = undo.move();
  const pinned = (name: string, algorithm: "sha256" | "sha512") => {
    const like = `${algorithm}:${"0".repeat(algorithm === "sha256" ? 64 : 128)}` as Digest;
    return `registry.example/${name}@${digestOf(manifest, like)}`;
  };
  return {
    profiles,
    content,
    pinned,
    collectAll,
    asked: () => asked,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

test("a profile is one and the same under references whose digests are of different algorithms", async () => {
  await using made = await stores();
  const [first, second] = [made.pinned("a", "sha256"), made.pinned("a", "sha512")];
  assert.deepEqual(await made.profiles.pull({ reference: first }), { cached: false });
  assert.deepEqual(
    await made.profiles.pull({ reference: second }),
    { cached: false },
    "who knows before it is asked",
  );
  assert.deepEqual(await made.profiles.pull({ reference: second }), { cached: true });
  const text = await made.profiles.read(second);
  assert.deepEqual(made.profiles.list(), [
    { digest: digestOf(text), references: [first, second], sizeBytes: text.length },
  ]);
});

test("a profile that several ask for at once is fetched once, and one that is kept is no garbage", async () => {
  await using made = await stores();
  const reference = made.pinned("a", "sha256");
  const answers = await Promise.all([1, 2, 3].map(() => made.profiles.pull({ reference })));
  assert.deepEqual(
    answers.map(({ cached }) => cached),
    [false, true, true],
  );
  assert.equal(made.asked(), 1);
  await made.collectAll();
  assert.equal(await made.profiles.read(reference), '{"defaultAction":"SCMP_ACT_ALLOW"}');
  const [profile] = made.profiles.list();
  await made.profiles.remove(profile?.digest ?? "");
  await made.collectAll();
  assert.deepEqual([made.profiles.list(), made.content.list()], [[], []]);
  await assert.rejects(made.profiles.read(reference), { code: "NotFound", message: /pull it/ });
});

test("a profile whose file is damaged or gone is fetched again by its next pull, and not given out until then", async () => {
  await using made = await stores();
  const reference = made.pinned("a", "sha256");
  await made.profiles.pull({ reference });
  const [{ digest } = assert.fail()] = made.profiles.list();
  for (const damage of [
    () => writeFile(made.content.path(digest), "{}"),
    () => rm(made.content.path(digest)),
  ]) {
    await damage();
    await assert.rejects(made.profiles.read(reference), { code: "DataLoss", message: /damaged on disk/ });
    assert.deepEqual(await made.profiles.pull({ reference }), { cached: false });
    assert.equal(await made.profiles.read(reference), '{"defaultAction":"SCMP_ACT_ALLOW"}');
    assert.deepEqual(await made.profiles.pull({ reference }), { cached: true });
  }
  assert.equal(made.profiles.list().length, 1);
});
