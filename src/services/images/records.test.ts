import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestHex } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

describe("images", () => {
  test("are found only by id, id without algorithm, unique prefix, name and familiar name", async () => {
    await using server = await startFakeRegistry({
      "a:b": await imageOf({ config: { User: "1" } }),
      "c:latest": await imageOf({ config: { User: "2" } }),
    });
    await using stack = await openStack();
    const image = await stack.images.pull({ reference: `${server.host}/a:b` });
    const other = await stack.images.pull({ reference: `${server.host}/c` });
    const hex = digestHex(image.id);
    for (const text of [
      image.id,
      hex,
      hex.slice(0, 12),
      `sha256:${hex.slice(0, 12)}`,
      `${server.host}/a:b`,
      ...image.repoDigests,
    ]) {
      assert.deepEqual(stack.images.find(text), image, text);
    }
    assert.deepEqual(stack.images.find(`${server.host}/c`), other);
    for (const text of [
      "",
      "x y",
      `${server.host}/a`,
      `${server.host}/a:c`,
      "0".repeat(64),
      `sha256:${"0".repeat(64)}`,
    ]) {
      assert.equal(stack.images.find(text), undefined, text);
    }
    assert.deepEqual(new Set(stack.images.list().map(({ id }) => id)), new Set([image.id, other.id]));
  });

  test("of a short name and its full form, the full one is found, tagged and pushed", async () => {
    await using server = await startRegistry();
    const [short, full] = [
      await imageOf({ config: { User: "1" } }),
      await imageOf({ config: { User: "2" } }),
    ];
    await pushImage(server, "app", "short", short);
    await pushImage(server, "app", "full", full);
    await using stack = await openStack();
    for (const tag of ["short", "full"]) await stack.images.pull({ reference: `${server.host}/app:${tag}` });
    const { imageNames, images } = stack;
    await imageNames.create({ name: "app:1", target: short.target });
    assert.equal(await pushed("app:1"), short.target.digest, "alone, the short one");
    await imageNames.create({ name: "docker.io/library/app:1", target: full.target });
    assert.ok(images.find("app:1")?.repoTags.includes("docker.io/library/app:1"));
    assert.equal(await pushed("app:1"), full.target.digest);
    assert.equal(imageNames.get(await images.tag("app:1", "tagged"))?.target.digest, full.target.digest);

    async function pushed(image: string): Promise<string> {
      return (await images.push({ image, destination: `${server.host}/copy:1` })).digest;
    }
  });

  test("with several names are one image, and are removed with all names", async () => {
    const same = await imageOf();
    await using server = await startFakeRegistry({ "a:b": same, "a:c": same, "d:e": same });
    const collections: string[] = [];
    const collect = async () => void collections.push("now");
    await using stack = await openStack({ garbage: { collect, collectNow: collect } });
    for (const name of ["a:b", "a:c", "d:e"])
      await stack.images.pull({ reference: `${server.host}/${name}` });
    const [image, ...others] = stack.images.list();
    assert.deepEqual(others, []);
    assert.equal(image?.repoTags.length, 3);
    assert.equal(image?.repoDigests.length, 2);
    await stack.images.remove(`${server.host}/a:c`);
    assert.deepEqual(stack.images.list(), []);
    assert.equal(collections.length, 1);
    await stack.images.remove(`${server.host}/a:c`);
    assert.equal(collections.length, 1, "what is not there is no error, and no work");
  });

  test("are pinned by name or by pattern", async () => {
    await using server = await startFakeRegistry({
      "pause:3.9": await imageOf({ config: { User: "1" } }),
      "app:v1": await imageOf({ config: { User: "2" } }),
    });
    await using stack = await openStack({ pinnedImages: [`${server.host}/pause*`] });
    assert.equal((await stack.images.pull({ reference: `${server.host}/pause:3.9` })).pinned, true);
    assert.equal((await stack.images.pull({ reference: `${server.host}/app:v1` })).pinned, false);
  });

  test("are pinned by a familiar reference, and by a pattern for a word in the name", async () => {
    await using server = await startFakeRegistry({
      "app:latest": await imageOf({ config: { User: "1" } }),
      "team/keep-me:2": await imageOf({ config: { User: "2" } }),
      "apple:1": await imageOf({ config: { User: "3" } }),
    });
    await using stack = await openStack({ pinnedImages: [`${server.host}/app`, "*keep*"] });
    const pinned = async (name: string) =>
      (await stack.images.pull({ reference: `${server.host}/${name}` })).pinned;
    assert.deepEqual(
      [await pinned("app"), await pinned("team/keep-me:2"), await pinned("apple:1")],
      [true, true, false],
    );
  });

  test("that were pinned by hand stay pinned after another pull and a restart, until they are unpinned", async () => {
    await using root = await tempDir();
    const served = { "a:b": await imageOf({ config: { User: "1" } }) };
    await using server = await startFakeRegistry(served);
    const reference = `${server.host}/a:b`;
    {
      await using stack = await openStack({ root: root.path });
      await assert.rejects(stack.images.setPinned(reference, true), { code: "NotFound" });
      const { id } = await stack.images.pull({ reference });
      assert.equal((await stack.images.setPinned(id, true)).pinned, true);
      served["a:b"] = await imageOf({ config: { User: "2" } });
      const newer = await stack.images.pull({ reference });
      assert.notEqual(newer.id, id);
      assert.equal(newer.pinned, true);
    }
    await using stack = await openStack({ root: root.path });
    assert.equal(stack.images.find(reference)?.pinned, true);
    await stack.images.collectGarbage();
    assert.equal(stack.images.find(reference)?.pinned, true);
    assert.equal((await stack.images.setPinned(reference, false)).pinned, false);
  });

  test("are counted in fsInfo, separately from containers", async () => {
    const content = Buffer.alloc(3_000_000, "berth");
    await using server = await startFakeRegistry({
      "a:b": await imageOf({ layers: [[{ name: "large", content }]] }),
    });
    await using stack = await openStack();
    const image = await stack.images.pull({ reference: `${server.host}/a:b` });
    await stack.images.prepareRootfs(image, "container");
    const { images, containers } = await stack.images.fsInfo();
    assert.ok(images.usedBytes > 3_000_000, String(images.usedBytes));
    assert.ok(containers.usedBytes < 1_000_000, String(containers.usedBytes));
    assert.ok(images.inodesUsed > 0);
    assert.equal(images.mountpoint, stack.snapshotter.root);
  });
});

test("an image whose snapshots are lost is unpacked again for a container", async () => {
  await using server = await startFakeRegistry({ "a:b": await imageOf() });
  await using stack = await openStack();
  const image = await stack.images.pull({ reference: `${server.host}/a:b` });
  await stack.snapshotter.remove(image.chainId ?? "");
  await stack.inRootfs(image, async () => undefined);
  assert.equal(stack.snapshotter.stat(image.chainId ?? "")?.kind, "committed");
});

test("content of a removed image is collected, except for what other images and containers use", async () => {
  const base = [{ name: "base", content: "base" }];
  const own = (name: string) =>
    imageOf({ layers: [base, [{ name, content: name }]], config: { User: name } });
  const [first, second] = [await own("first"), await own("second")];
  await using server = await startFakeRegistry({ "a:first": first, "a:second": second });
  await using stack = await openStack();
  const pull = (tag: string) => stack.images.pull({ reference: `${server.host}/a:${tag}` });
  const [removed, kept] = [await pull("first"), await pull("second")];
  await stack.images.prepareRootfs(removed, "container");
  await stack.images.remove(removed.id);
  await stack.images.collectGarbage();
  assert.deepEqual(stack.images.list(), [kept]);
  assert.ok(!stack.content.has(removed.manifest.digest));
  assert.ok(stack.snapshotter.stat(removed.chainId ?? ""), "the container stands on it");
  await stack.snapshotter.remove("container");
  await stack.images.collectGarbage();
  assert.equal(stack.snapshotter.stat(removed.chainId ?? ""), undefined);
  assert.equal(stack.snapshotter.list().length, 2);
  for (const { digest } of kept.layers) assert.ok(stack.content.has(digest));
  await stack.inRootfs(kept, async () => undefined);
});

for (const kind of ["overlayfs", "native"] as const)
  test(`snapshots into which layers were unpacked when the daemon died are removed at the start`, async () => {
    await using directory = await tempDir();
    const die = async (): Promise<void> => {
      await using stack = await openStack({ root: directory.path, kind });
      await stack.snapshotter.prepare("extract sha256:0", undefined);
    };
    await die();
    await using stack = await openStack({ root: directory.path });
    assert.deepEqual(
      stack.snapshotters().flatMap((snapshotter) => snapshotter.list()),
      [],
    );
  });
