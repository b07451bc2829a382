import assert from "node:assert/strict";
import { test } from "node:test";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { until } from "../../testing/until.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const name = "registry.example/app:v1";
const hello = (content: string) => imageOf({ layers: [[{ name: "hello", content }]] });

async function put({ content, imageNames, images }: TestStack, image: TestImage): Promise<void> {
  for (const [digest, { bytes }] of image.blobs) await content.put(bytes, { digest });
  await imageNames.point([name], image.target);
  await until(() => images.find(name)?.manifest.digest === image.target.digest);
}

async function prune({ images }: TestStack): Promise<readonly string[]> {
  const pruned = await images.prune({ which: "all", isUsed: () => false });
  return pruned.images.flatMap(({ names }) => names);
}

test("a held image is neither pruned nor removed to free space until it is released", async () => {
  await using stack = await openStack();
  const { images } = stack;
  await put(stack, await hello("held"));
  {
    using _hold = images.hold(name);
    assert.deepEqual(await prune(stack), []);
    const request = { bytes: 1, usedAtNs: () => undefined, isUsed: () => false };
    const freed = await images.freeSpace({ ...request, unusedSinceNs: 2n ** 63n });
    assert.deepEqual(freed.images, []);
  }
  assert.deepEqual(await prune(stack), [name]);
});

test("a reference can be held before it is pulled, and its image is kept when the reference moves on", async () => {
  await using stack = await openStack();
  const { images } = stack;
  using _hold = images.hold(name);
  const [first, second] = await Promise.all([hello("first"), hello("second")]);
  await put(stack, first);
  const id = images.find(name)?.id ?? "";
  await put(stack, second);
  assert.notEqual(images.find(name)?.id, id);
  await images.collectGarbage();
  const image = images.find(id);
  assert.ok(image);
  assert.deepEqual(image.repoTags, []);
  await stack.inRootfs(image, async () => {});
  assert.deepEqual(await prune(stack), []);
});

test("a held image whose names are removed can be used by its id until it is released", async () => {
  await using stack = await openStack();
  const { images, content, snapshotter } = stack;
  await put(stack, await hello("removed"));
  const { id } = images.find(name) ?? assert.fail();
  {
    using _hold = images.hold(id);
    await images.remove(name);
    await images.collectGarbage();
    assert.equal(images.find(name), undefined);
    await stack.inRootfs(images.find(id) ?? assert.fail(), async () => {});
    await images.collectGarbage();
    await stack.inRootfs(images.find(id) ?? assert.fail(), async () => {});
  }
  assert.equal(images.find(id), undefined);
  await until(() => content.list().length === 0 && snapshotter.list().length === 0);
});

test("a hold costs hardly anything while other names change, however many there are", async () => {
  await using stack = await openStack();
  const { images, imageNames } = stack;
  const image = await hello("many");
  await put(stack, image);
  const many = Array.from({ length: 1000 }, (_, index) => `registry.example/many:v${index}`);
  await imageNames.point(many, image.target);
  const costMs = async (tag: string): Promise<number> => {
    const before = process.threadCpuUsage();
    for (let change = 0; change < 50; change++)
      await imageNames.point([`registry.example/other:${tag}${change}`], image.target);
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  };
  // In turn, and the least of each: other programs on the machine only ever add to it.
  let [free, held] = [Infinity, Infinity];
  for (let round = 0; round < 5; round++) {
    free = Math.min(free, await costMs(`free${round}-`));
    using _hold = images.hold(name);
    held = Math.min(held, await costMs(`held${round}-`));
  }
  assert.ok(held < 3 * free + 20, `${held} ms with a hold, ${free} ms without`);
});
