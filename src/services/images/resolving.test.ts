import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openDatabase } from "../../ground/metadata/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, indexOf, type TestImage } from "../../testing/images.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import type { ResolvedImage } from "./resolved-images.ts";
import { namespace, openStack, type TestStack } from "./testing/stack.ts";

/** Puts an image's blobs as another client of the content store does, the target last. */
async function put({ content }: TestStack, { blobs, target }: TestImage, except = ""): Promise<void> {
  for (const [digest, { bytes }] of blobs) {
    if (digest !== target.digest && digest !== except) await content.put(bytes, { digest });
  }
  const top = blobs.get(target.digest);
  if (top !== undefined && target.digest !== except) await content.put(top.bytes, { digest: target.digest });
}

const host = { os: "linux", architecture: "amd64" };
const other = { os: "linux", architecture: "arm64" };

describe("a name that was not created by a pull", () => {
  test("becomes an image once it and its content are there, in any order, and can be run", async () => {
    await using stack = await openStack();
    const [first, second] = [
      await imageOf({ config: { User: "1" } }),
      await imageOf({ config: { User: "2" } }),
    ];
    await stack.imageNames.create({ name: "example.test/a:1", target: first.target });
    assert.deepEqual(stack.images.list(), []);
    await put(stack, first);
    await put(stack, second);
    await stack.imageNames.create({ name: "example.test/b:1", target: second.target });
    await until(async () => stack.images.list().length === 2);
    const image = stack.images.find("example.test/a:1");
    assert.deepEqual(image?.repoTags, ["example.test/a:1"]);
    assert.equal(image?.config.config.user, "1");
    assert.ok(image !== undefined);
    await stack.inRootfs(image, async () => undefined);
  });

  test("is not an image if blobs are missing, if it is for other machines or an artifact, and stays a name", async () => {
    await using root = await tempDir();
    const foreign = indexOf([[await imageOf({ platform: other }), other]]);
    const here = await imageOf({ config: { User: "here" } });
    const artifact = await imageOf({ config: { User: "artifact" } });
    {
      await using stack = await openStack({ root: root.path });
      await put(stack, foreign);
      await put(stack, artifact);
      await stack.imageNames.create({ name: "foreign", target: foreign.target });
      const target = { ...artifact.target, mediaType: "application/vnd.example.artifact" };
      await stack.imageNames.create({ name: "artifact", target });
      await stack.imageNames.create({ name: "absent", target: here.target });
    }
    await using stack = await openStack({ root: root.path });
    assert.deepEqual(stack.images.list(), []);
    assert.deepEqual(
      stack.imageNames.list().map(({ name }) => name),
      ["absent", "artifact", "foreign"],
    );
    await stack.images.collectGarbage();
    for (const { target } of [foreign, artifact]) assert.ok(stack.content.has(target.digest));
    await put(stack, here);
    await until(async () => stack.images.list().length === 1);
    assert.equal(stack.images.list()[0]?.config.config.user, "here");
  });

  test("moves to another image with its target, and names none once it is deleted", async () => {
    await using stack = await openStack();
    const [first, second] = [
      await imageOf({ config: { User: "1" } }),
      await imageOf({ config: { User: "2" } }),
    ];
    await put(stack, first);
    await put(stack, second);
    await stack.imageNames.create({ name: "example.test/a:1", target: first.target });
    const user = () => stack.images.find("example.test/a:1")?.config.config.user;
    await until(async () => user() === "1");
    await stack.imageNames.update("example.test/a:1", () => ({ target: second.target }));
    await until(async () => user() === "2");
    assert.equal(stack.images.list().length, 1);
    await stack.imageNames.update("example.test/a:1", () => ({
      labels: { "io.cri-containerd.pinned": "pinned" },
    }));
    assert.equal(stack.images.find("example.test/a:1")?.pinned, true);
    await stack.imageNames.delete(["example.test/a:1"]);
    assert.deepEqual(stack.images.list(), []);
    await stack.images.collectGarbage();
    assert.deepEqual(stack.content.list(), []);
  });

  test("keeps documents and layers from collection, even if its client gave them no labels", async () => {
    await using stack = await openStack();
    const image = indexOf([[await imageOf(), host]]);
    await put(stack, image);
    await stack.imageNames.create({ name: "example.test/a:1", target: image.target });
    await until(async () => stack.images.list().length === 1);
    await stack.images.collectGarbage();
    const [found] = stack.images.list();
    assert.ok(found !== undefined);
    await stack.inRootfs(found, async () => undefined);
  });
});

/** Removes all that the daemon knows of what targets come to, as a lost table. */
async function loseResolved(root: string): Promise<readonly string[]> {
  await using database = await openDatabase({ path: join(root, "metadata.db") });
  const resolved = await database.collection<ResolvedImage>("resolved_images");
  const targets = resolved.list(namespace).map(([target]) => target);
  await database.commit(targets.map((target) => resolved.delete(namespace, target)));
  return targets;
}

test("the resolution of names is recomputed from content when it is lost", async () => {
  await using root = await tempDir();
  await using server = await startFakeRegistry({
    "a:1": indexOf([[await imageOf({ config: { User: "1" } }), host]]),
    "b:1": await imageOf({ config: { User: "2" } }),
  });
  const pulled = await (async () => {
    await using stack = await openStack({ root: root.path });
    await stack.images.pull({ reference: `${server.host}/a:1` });
    await stack.images.pull({ reference: `${server.host}/b:1` });
    await stack.images.setPinned(`${server.host}/b:1`, true);
    return stack.images.list();
  })();
  assert.equal((await loseResolved(root.path)).length, 2);
  await using stack = await openStack({ root: root.path });
  assert.deepEqual(stack.images.list(), pulled);
});

test("a pull mends what an earlier build has read from the same documents", async () => {
  await using root = await tempDir();
  await using server = await startFakeRegistry({ "a:1": await imageOf({ config: { User: "1" } }) });
  const reference = `${server.host}/a:1`;
  const pull = async () => {
    await using stack = await openStack({ root: root.path });
    return [
      stack.images.find(reference)?.config.config.user,
      (await stack.images.pull({ reference })).config,
    ];
  };
  const [, config] = await pull();
  {
    await using database = await openDatabase({ path: join(root.path, "metadata.db") });
    const resolved = await database.collection<ResolvedImage>("resolved_images");
    const changes = resolved.list(namespace).map(([target, image]) => {
      const other = { ...image.config, config: { ...image.config.config, user: "" } };
      return resolved.put(namespace, target, { ...image, config: other });
    });
    await database.commit(changes);
  }
  assert.deepEqual(await pull(), ["", config]);
});

test("a name whose image can be neither read nor recomputed can be removed alone or with the others of its target", async () => {
  await using root = await tempDir();
  const image = await imageOf();
  await using server = await startFakeRegistry({ "a:1": image, "b:1": image });
  const damage = async ({ content }: TestStack) => writeFile(content.path(image.target.digest), "{");
  const [a, b] = [`${server.host}/a:1`, `${server.host}/b:1`];
  {
    await using stack = await openStack({ root: root.path });
    await stack.images.pull({ reference: a });
    await stack.images.pull({ reference: b });
    await damage(stack);
  }
  await loseResolved(root.path);
  await using stack = await openStack({ root: root.path });
  const names = () => stack.imageNames.list().map(({ name }) => name);
  assert.equal(stack.images.find(a), undefined);
  assert.deepEqual(await stack.images.untag(a), [a]);
  assert.ok(!names().includes(a) && names().includes(b));
  await stack.images.remove(b);
  assert.deepEqual(names(), []);
  await stack.images.collectGarbage();
  assert.deepEqual(stack.content.list(), []);
});

test("the resolution of a target is deleted with the last of its names", async () => {
  await using root = await tempDir();
  const same = await imageOf();
  await using server = await startFakeRegistry({ "a:1": same, "b:1": same });
  {
    await using stack = await openStack({ root: root.path });
    await stack.images.pull({ reference: `${server.host}/a:1` });
    await stack.images.pull({ reference: `${server.host}/b:1` });
    await stack.images.untag(`${server.host}/a:1`);
    assert.equal(stack.images.list().length, 1);
    await stack.images.remove(`${server.host}/b:1`);
    assert.deepEqual(stack.images.list(), []);
  }
  assert.deepEqual(await loseResolved(root.path), []);
});
