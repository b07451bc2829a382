import assert from "node:assert/strict";
import { test } from "node:test";
import { mediaType } from "../../../parts/oci/index.ts";
import { artifactOf, filesArtifact } from "../../../testing/artifacts.ts";
import { startFakeRegistry } from "../../../testing/fake-registry.ts";
import { imageOf, indexOf } from "../../../testing/images.ts";
import { openStack } from "../testing/stack.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const unknown = { os: "unknown", architecture: "unknown" };

/** Two images that share a layer, one of them for two platforms with an attestation; and an artifact. */
async function setting() {
  const shared = [{ name: "base", content: "of both".repeat(1000) }];
  const [app, other, arm] = await Promise.all([
    imageOf({ platform: amd64, layers: [shared, [{ name: "app", content: "1" }]] }),
    imageOf({ platform: amd64, layers: [shared, [{ name: "other", content: "2" }]] }),
    imageOf({ platform: arm64, layers: [[{ name: "arm", content: "3" }]] }),
  ]);
  const attestation = artifactOf({
    configType: mediaType.ociConfig,
    layers: [{ mediaType: "application/vnd.in-toto+json", bytes: Buffer.from("{}") }],
  });
  const files = filesArtifact({ a: "text" });
  const index = indexOf([
    [app, amd64],
    [arm, arm64],
    [attestation, unknown],
  ]);
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(await startFakeRegistry({ "app:1": index, "other:1": other, "files:1": files }));
  const stack = undo.use(await openStack({ platform: amd64 }));
  const held = undo.move();
  const reference = (name: string) => `${registry.host}/${name}:1`;
  return {
    ...{ stack, reference, app, other, arm, attestation, files, index },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test("every stored manifest is listed with its type, its platform, and whether it is complete", async () => {
  await using set = await setting();
  const { images } = set.stack;
  const byTag = async () =>
    (await images.manifests())
      .filter(({ name }) => !name.includes("@"))
      .map(({ name, manifest, kind, type, platform, isWhole }) => ({
        ...{ name: name.slice(name.indexOf("/") + 1), digest: manifest.digest, kind, type },
        ...{ architecture: platform?.architecture, isWhole },
      }));
  await images.pull({ reference: set.reference("app") });
  const app = { name: "app:1", digest: set.app.target.digest, kind: "image", type: undefined };
  assert.deepEqual(await byTag(), [{ ...app, architecture: "amd64", isWhole: true }]);
  await images.pullAny({ reference: set.reference("app"), platform: "all" });
  await images.pullAny({ reference: set.reference("files") });
  const arm = { ...app, digest: set.arm.target.digest, architecture: "arm64", isWhole: true };
  const attestation = {
    ...{ ...app, digest: set.attestation.target.digest, kind: "attestation" },
    ...{ type: "application/vnd.in-toto+json", architecture: undefined, isWhole: true },
  };
  const files = {
    ...{ ...app, name: "files:1", digest: set.files.target.digest, kind: "artifact" },
    ...{ type: "application/vnd.example.files", architecture: undefined, isWhole: true },
  };
  assert.deepEqual(
    (await byTag()).toSorted((one, two) => (one.name < two.name ? -1 : 1)),
    [{ ...app, architecture: "amd64", isWhole: true }, arm, attestation, files],
  );
  const [lost = app.digest] = [...set.arm.blobs.keys()];
  await set.stack.content.delete(lost);
  assert.equal((await byTag()).find(({ digest }) => digest === arm.digest)?.isWhole, false);
});

test("an image is inspected for a requested platform if that is stored", async () => {
  await using set = await setting();
  const { images } = set.stack;
  const reference = set.reference("app");
  await images.pull({ reference });
  await assert.rejects(images.inspect(reference, arm64), {
    code: "NotFound",
    message: /app:1 for linux\/arm64 is not present: sha256:\w+ is missing; pull it with --platform/,
  });
  await images.pullAny({ reference, platform: "all" });
  const details = await images.inspect(reference, arm64);
  assert.equal(JSON.parse(Buffer.from(details.configBytes).toString()).architecture, "arm64");
  assert.deepEqual(
    [details.image.manifest.digest, details.image.repoTags],
    [set.arm.target.digest, [reference]],
  );
  assert.deepEqual(
    details.layers.map(({ unpackedBytes }) => unpackedBytes),
    [undefined],
  );
});

test("the disk usage of an image is divided into its own and what it shares", async () => {
  await using set = await setting();
  const { images } = set.stack;
  const ids = new Map<string, string>();
  for (const name of ["app", "other", "files"])
    ids.set(name, (await images.pull({ reference: set.reference(name) })).id);
  const usageOf = async (name: string) => {
    const found = (await images.usages()).find(({ id }) => id === ids.get(name));
    assert.ok(found !== undefined, name);
    return found;
  };
  const [app, other, files] = [await usageOf("app"), await usageOf("other"), await usageOf("files")];
  assert.ok(app.unpacked.shared > 7000, `${app.unpacked.shared} bytes`);
  assert.deepEqual([other.unpacked.shared, other.content.shared], [app.unpacked.shared, app.content.shared]);
  assert.ok(app.content.own > other.content.own, "an index more");
  assert.deepEqual([files.content.shared, files.unpacked.shared], [0, 0]);
  const before = [...set.stack.content.list()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  await images.remove(set.reference("app"));
  await images.collectGarbage();
  const after = [...set.stack.content.list()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  assert.equal(before - after, app.content.own);
  assert.deepEqual(
    [(await usageOf("other")).content.shared, (await usageOf("other")).unpacked.shared],
    [0, 0],
  );
});
