import assert from "node:assert/strict";
import { test } from "node:test";
import { type Digest, digestOf, mediaType, type Platform } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, indexOf, type TestImage } from "../../testing/images.ts";
import type { PullProgress } from "./index.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const armV7 = { os: "linux", architecture: "arm", variant: "v7" };
const unknown = { os: "unknown", architecture: "unknown" };

const imageFor = (platform: Platform): Promise<TestImage> =>
  imageOf({ platform, layers: [[{ name: "arch", content: platform.architecture }]] });

/** Something that is no image, and what says of it what it is. */
function artifactOf(type: string): TestImage {
  const file = { mediaType: "text/plain", bytes: Buffer.from(`file of ${type}`) };
  const empty = { mediaType: type, bytes: Buffer.from("{}") };
  const describe = ({ mediaType, bytes }: typeof file) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    artifactType: "application/vnd.example.thing",
    config: describe(empty),
    layers: [{ ...describe(file), annotations: { "org.opencontainers.image.title": "file.txt" } }],
  };
  const document = { mediaType: mediaType.ociManifest, bytes: Buffer.from(JSON.stringify(manifest)) };
  const blobs = [file, empty, document].map((blob) => [digestOf(blob.bytes), blob] as const);
  return { target: describe(document), blobs: new Map(blobs) };
}

/** An image for three platforms with an attestation, as buildkit makes them. */
async function setting() {
  const [host, other, small] = await Promise.all([amd64, arm64, armV7].map(imageFor));
  const attestation = artifactOf("application/vnd.in-toto+json");
  if (host === undefined || other === undefined || small === undefined) throw new Error("no image");
  const index = indexOf([
    [attestation, unknown],
    [other, arm64],
    [small, armV7],
    [host, amd64],
  ]);
  const single = await imageFor(arm64);
  const artifact = artifactOf("application/vnd.oci.empty.v1+json");
  const registry = await startFakeRegistry({
    "team/app:1": index,
    "team/single:1": single,
    "team/thing:1": artifact,
  });
  await using undo = new AsyncDisposableStack();
  undo.use(registry);
  const stack = undo.use(await openStack({ platform: amd64 }));
  const held = undo.move();
  return {
    ...{ host, other, small, index, single, artifact, attestation, stack },
    app: `${registry.host}/team/app:1`,
    reference: (name: string) => `${registry.host}/team/${name}:1`,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function configOf(image: TestImage): Digest {
  const manifest = image.blobs.get(image.target.digest);
  return JSON.parse(Buffer.from(manifest?.bytes ?? []).toString("utf8")).config.digest;
}

function kept({ content }: TestStack): ReadonlySet<Digest> {
  return new Set(content.list().map(({ digest }) => digest));
}

function assertWhole(stack: TestStack, ...images: readonly TestImage[]): void {
  for (const digest of images.flatMap(({ blobs }) => [...blobs.keys()]))
    assert.ok(kept(stack).has(digest), `${digest} is missing`);
}

test("an image for another platform is pulled, unpacked and named, and is not an image of this machine", async () => {
  await using set = await setting();
  const { stack, other, app } = set;
  const { id } = await stack.images.pullAny({ reference: app, platform: arm64 });
  assert.equal(id, configOf(other));
  assert.deepEqual([stack.images.list(), stack.images.find(app)], [[], undefined]);
  assert.equal(stack.snapshotter.list().length, 1);
  await stack.images.collectGarbage();
  assertWhole(stack, other);
  assert.ok(!kept(stack).has(configOf(set.small)));
  await using archive = await stack.images.save(
    { images: [app], format: "oci", platform: arm64 },
    new AbortController().signal,
  );
  assert.deepEqual(
    archive.images.map(({ digest }) => digest),
    [other.target.digest],
  );
});

test("the images for this machine and another platform coexist, and each is removed with its name", async () => {
  await using set = await setting();
  const { stack, app, host, other, small } = set;
  await stack.images.pullAny({ reference: app, platform: arm64 });
  const image = await stack.images.pull({ reference: app });
  assert.equal(image.id, configOf(host));
  await stack.images.pullAny({ reference: app, platform: armV7 });
  assert.equal(stack.images.find(app)?.id, configOf(host));
  await stack.images.collectGarbage();
  assertWhole(stack, host, other, small);
  await stack.images.remove(app);
  await stack.images.collectGarbage();
  assert.deepEqual([stack.content.list(), stack.snapshotter.list()], [[], []]);
});

test("all platforms are pulled completely, with attestations, and that for this machine is unpacked", async () => {
  await using set = await setting();
  const { stack, app, index } = set;
  const told: PullProgress[] = [];
  const { id } = await stack.images.pullAny({
    reference: app,
    platform: "all",
    onProgress: (progress) => told.push(progress),
  });
  assert.equal(id, configOf(set.host));
  assert.equal(stack.images.find(app)?.id, id);
  assertWhole(stack, index);
  assert.equal(stack.snapshotter.list().length, 1);
  const [resolved] = told;
  const done = told.filter((progress) => progress.kind === "layer" && progress.state === "done");
  assert.deepEqual([resolved?.kind === "resolved" ? resolved.layers.length : resolved, done.length], [8, 8]);
  await stack.images.collectGarbage();
  assertWhole(stack, index);
});

test("a platform without an image is an error that lists the available ones", async () => {
  await using set = await setting();
  const { stack, app, reference } = set;
  const s390x = { os: "linux", architecture: "s390x" };
  await assert.rejects(stack.images.pullAny({ reference: app, platform: s390x }), {
    code: "NotFound",
    message: /no manifest for linux\/s390x; it is available for linux\/arm64, linux\/arm\/v7, linux\/amd64$/,
  });
  await assert.rejects(stack.images.pullAny({ reference: reference("single"), platform: s390x }), {
    code: "NotFound",
    message: /no manifest for linux\/s390x; it is for linux\/arm64/,
  });
  assert.deepEqual(stack.imageNames.list(), []);
  await stack.images.pullAny({ reference: reference("single"), platform: arm64 });
  assert.deepEqual(stack.images.list().length, 1);
});

test("an index of any number of entries that do not say their platform is given up after some", async () => {
  const others = Array.from({ length: 100 }, (_, index) => artifactOf(`application/vnd.example.${index}`));
  const own = await imageFor(amd64);
  const index = indexOf([...others, own].map((image) => [image, undefined]));
  await using registry = await startFakeRegistry({ "many:1": index });
  await using stack = await openStack({ platform: amd64 });
  const reference = `${registry.host}/many:1`;
  await assert.rejects(stack.images.pull({ reference }), {
    code: "InvalidArgument",
    message: /the first 64 documents of the index have no manifest for linux\/amd64/,
  });
  assert.ok(registry.requests.length <= 70, `${registry.requests.length} requests`);
  // All of it can be pulled, and then nothing needs to be requested.
  const { id } = await stack.images.pullAny({ reference, platform: "all" });
  assert.equal(id, configOf(own));
  assertWhole(stack, index);
  assert.equal((await stack.images.pull({ reference })).id, id);
});

test("an artifact is pulled as such, and identified by its manifest's digest", async () => {
  await using set = await setting();
  const { stack, artifact } = set;
  const reference = set.reference("thing");
  const { id } = await stack.images.pullAny({ reference });
  assert.equal(id, artifact.target.digest);
  assert.deepEqual(
    stack.images.list().map((image) => [image.id, image.artifact?.type]),
    [[id, "application/vnd.example.thing"]],
  );
  assert.deepEqual(stack.snapshotter.list(), []);
  await stack.images.collectGarbage();
  assertWhole(stack, artifact);
  await stack.images.untag(reference);
});
