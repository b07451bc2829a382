import assert from "node:assert/strict";
import { test } from "node:test";
import { nowNs } from "../../ground/clock/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { until } from "../../testing/until.ts";
import type { PruneRequest } from "./index.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const unused = { isUsed: () => false };
const hello = (content: string, labels: Readonly<Record<string, string>> = {}) =>
  imageOf({ layers: [[{ name: "hello", content }]], config: { Labels: labels } });

/** Brings in an image under a name, or under a digest alone. */
async function store(
  { content, imageNames, images }: TestStack,
  image: TestImage,
  name?: string,
): Promise<void> {
  for (const [digest, { bytes }] of image.blobs) await content.put(bytes, { digest });
  const known = name ?? `registry.example/app@${image.target.digest}`;
  await imageNames.create({ name: known, target: image.target });
  await until(() => images.find(known) !== undefined);
}

/** The names of what a prune removes. */
async function prune(
  { images }: TestStack,
  request: Omit<PruneRequest, "isUsed">,
): Promise<readonly string[]> {
  const pruned = await images.prune({ ...unused, ...request });
  return pruned.images.flatMap(({ names }) => names);
}

test("pruning removes images without a tag with everything that only they use, and reports its size", async () => {
  await using stack = await openStack();
  const [kept, gone] = await Promise.all([hello("kept"), hello("gone")]);
  await store(stack, kept, "registry.example/app:v1");
  await store(stack, gone);
  const image = stack.images.find(`registry.example/app@${gone.target.digest}`);
  assert.ok(image);
  // Unpacked, so that its files count too.
  await stack.inRootfs(image, async () => {});
  const unpacked = (await stack.snapshotter.usage(image.chainId ?? "")).sizeBytes;
  const pruned = await stack.images.prune({ which: "dangling", ...unused });
  const name = `registry.example/app@${gone.target.digest}`;
  assert.deepEqual(pruned.images, [{ id: image.id, names: [name] }]);
  const blobs = [...gone.blobs].filter(([digest]) => !kept.blobs.has(digest));
  const compressed = blobs.reduce((sum, [, { bytes }]) => sum + bytes.length, 0);
  assert.equal(pruned.reclaimedBytes, compressed + unpacked);
  assert.deepEqual(
    stack.content
      .list()
      .map(({ digest }) => digest)
      .sort(),
    [...kept.blobs.keys()].sort(),
  );
  assert.deepEqual(stack.snapshotter.list(), []);
  assert.deepEqual(await prune(stack, { which: "dangling" }), []);
  assert.deepEqual(await prune(stack, { which: "all" }), ["registry.example/app:v1"]);
});

test("pruning and freeing space do not wait for the delay of other collections", async () => {
  await using stack = await openStack({ gcDelayMs: 3_600_000 });
  for (const name of ["one", "two"]) await store(stack, await hello(name), `registry.example/${name}:v1`);
  const request = { usedAtNs: () => undefined, unusedSinceNs: nowNs(), isUsed: () => false };
  const freed = await stack.images.freeSpace({ bytes: 1, ...request });
  assert.equal(freed.images.length, 1);
  assert.equal((await prune(stack, { which: "all" })).length, 1);
  assert.deepEqual(stack.content.list(), []);
});

test("pruning keeps images that are in use or pinned", async () => {
  await using stack = await openStack({ pinnedImages: ["registry.example/configured:*"] });
  const names = ["used", "pinned", "configured", "other"].map((name) => `registry.example/${name}:v1`);
  for (const name of names) await store(stack, await hello(name), name);
  await stack.images.setPinned("registry.example/pinned:v1", true);
  const isUsed: PruneRequest["isUsed"] = ({ repoTags }) => repoTags.includes("registry.example/used:v1");
  const pruned = await stack.images.prune({ which: "all", isUsed });
  assert.deepEqual(
    pruned.images.flatMap((image) => image.names),
    ["registry.example/other:v1"],
  );
});

test("pruning keeps an image whose layers are being pulled again", async () => {
  await using stack = await openStack();
  const image = await hello("pulled");
  const asked = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  await using server = await startFakeRegistry({ "app:v1": image }, async ({ url = "" }) => {
    if (!url.includes("/blobs/")) return false;
    asked.resolve();
    await proceed.promise;
    return false;
  });
  const name = `${server.host}/app:v1`;
  await store(stack, image, name);
  const layer = stack.images.find(name)?.layers[0];
  assert.ok(layer);
  await stack.content.delete(layer.digest);
  const pulling = stack.images.pull({ reference: name });
  await asked.promise;
  assert.deepEqual(await prune(stack, { which: "all" }), []);
  proceed.resolve();
  assert.deepEqual((await pulling).repoTags, [name]);
});

test("pruning selects images by the age of their names and by their labels", async () => {
  await using stack = await openStack();
  await store(stack, await hello("old", { keep: "no" }), "registry.example/old:v1");
  const namedBeforeNs = nowNs();
  await store(stack, await hello("new", { keep: "yes" }), "registry.example/new:v1");
  assert.deepEqual(await prune(stack, { which: "all", namedBeforeNs, labels: ["keep=yes"] }), []);
  assert.deepEqual(await prune(stack, { which: "all", withoutLabels: ["keep"] }), []);
  assert.deepEqual(await prune(stack, { which: "all", namedBeforeNs, labels: ["keep"] }), [
    "registry.example/old:v1",
  ]);
  assert.deepEqual(await prune(stack, { which: "all", withoutLabels: ["keep=no"] }), [
    "registry.example/new:v1",
  ]);
});

test("an image is described with its documents and the sizes of its layers", async () => {
  await using stack = await openStack();
  const image = await hello("described", { a: "b" });
  await store(stack, image, "registry.example/app:v1");
  const packed = await stack.images.inspect("registry.example/app:v1");
  assert.deepEqual(packed.targets, [image.target]);
  assert.deepEqual(packed.manifestBytes, image.blobs.get(image.target.digest)?.bytes);
  assert.deepEqual(JSON.parse(Buffer.from(packed.configBytes).toString()).config.Labels, { a: "b" });
  assert.deepEqual(
    packed.layers.map(({ unpackedBytes }) => unpackedBytes),
    [undefined],
  );
  await stack.inRootfs(packed.image, async () => {});
  const { layers } = await stack.images.inspect(packed.image.id.slice(7, 20));
  assert.ok((layers[0]?.unpackedBytes ?? 0) > 0);
  await assert.rejects(stack.images.inspect("nothing"), /image "nothing" not found/);
});
