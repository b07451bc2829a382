import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { mountSnapshot, unmount } from "../../ground/linux/index.ts";
import { type Descriptor, digestOf, mediaType } from "../../parts/oci/index.ts";
import { imageOf } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { LayerDiffs } from "../diff/index.ts";
import { openStack, type StackOptions, type TestStack } from "./testing/stack.ts";

const signal = new AbortController().signal;
const name = "registry.example/made:1";
const layers = [
  [
    { name: "etc/", type: "directory" as const, mode: 0o755 },
    { name: "etc/gone", content: "gone" },
  ],
  [{ name: "base", content: "of a registry" }],
];

/**
 * An image of a registry's layers, and one that berth has written of what a container changed, as a commit
 * makes it.
 */
async function setting(compression: "none" | "gzip" | "zstd", options: StackOptions = {}) {
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(await startRegistry());
  const stack = undo.use(await openStack(options));
  await pushImage(registry, "base", "v1", await imageOf({ layers }));
  await stack.images.pull({ reference: `${registry.host}/base:v1` });
  const written = await writeImage(stack, `${registry.host}/base:v1`, compression);
  const held = undo.move();
  return { registry, stack, ...written, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function writeImage(stack: TestStack, base: string, compression: "none" | "gzip" | "zstd") {
  const { images, content, snapshotter, root } = stack;
  const image = images.find(base);
  assert.ok(image !== undefined);
  const target = join(root, "changing");
  await mkdir(target);
  await images.prepareRootfs(image, "changing");
  await mountSnapshot(snapshotter.mounts("changing"), target);
  await writeFile(join(target, "etc", "new"), "new".repeat(10_000));
  await rm(join(target, "etc", "gone"));
  await unmount(target);
  await images.prepareVolume(image, "lower");
  const diffs = await LayerDiffs.open(join(root, "making"), new HostPaths());
  const mounts = { lower: snapshotter.mounts("lower"), upper: snapshotter.mounts("changing") };
  const { descriptor, diffId } = await diffs.compare(content, mounts, { compression, signal });
  await snapshotter.remove("lower");
  await snapshotter.remove("changing");
  const put = async (type: string, document: object): Promise<Descriptor> => {
    const bytes = Buffer.from(JSON.stringify(document));
    await content.put(bytes, { digest: digestOf(bytes) });
    return { mediaType: type, digest: digestOf(bytes), size: bytes.length };
  };
  const diffIds = [...image.config.diffIds, diffId];
  const { platform } = image.config;
  const config = { ...platform, rootfs: { type: "layers", diff_ids: diffIds } };
  const manifest = await put(mediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: await put(mediaType.ociConfig, config),
    layers: [...image.layers, descriptor],
  });
  await images.adopt(manifest, name, signal);
  return { own: descriptor, bases: image.layers };
}

for (const kind of ["overlayfs", "native", "erofs"] as const)
  for (const compression of ["none", "gzip", "zstd"] as const)
    test(`a layer created by berth that was not kept is recreated for a push and an archive: ${kind}, ${compression}`, async () => {
      await using set = await setting(compression, { kind });
      const { images, content, snapshotter } = set.stack;
      const snapshots = snapshotter.list();
      await content.delete(set.own.digest);
      await using other = await startRegistry();
      const { digest } = await images.push({ image: name, destination: `${other.host}/made:1` });
      const blob = await fetch(`http://${other.host}/v2/made/blobs/${set.own.digest}`);
      assert.equal(digestOf(Buffer.from(await blob.arrayBuffer())), set.own.digest);
      await content.delete(set.own.digest);
      await using archive = await images.save({ images: [name], format: "oci" }, signal);
      assert.equal(archive.images[0]?.digest, digest);
      assert.ok(content.has(set.own.digest));
      assert.deepEqual(snapshotter.list(), snapshots);
    });

test("a layer created by another tool comes out different, and is refused with both digests", async () => {
  await using set = await setting("gzip");
  const { images, content } = set.stack;
  const [lost] = set.bases;
  assert.ok(lost !== undefined);
  await content.delete(lost.digest);
  const before = content.list();
  await using other = await startRegistry();
  const expected = new RegExp(
    `the bytes of ${lost.digest} are not stored here, and .*rebuilt from its files it has the digest sha256:`,
  );
  await assert.rejects(images.push({ image: name, destination: `${other.host}/made:1` }), {
    code: "FailedPrecondition",
    message: expected,
  });
  await assert.rejects(images.save({ images: [name], format: "oci" }, signal), {
    code: "FailedPrecondition",
    message: expected,
  });
  assert.deepEqual(content.list(), before);
  assert.deepEqual(await content.ingests(), []);
});

test("the bytes of a layer whose files came with another image are fetched by a pull of all platforms", async () => {
  await using set = await setting("gzip");
  const { stack, registry } = set;
  await pushImage(registry, "base", "zstd", await imageOf({ layers, compression: "zstd" }));
  const reference = `${registry.host}/base:zstd`;
  await stack.images.pull({ reference });
  const save = () => stack.images.save({ images: [reference], format: "oci" }, signal);
  await assert.rejects(save(), { code: "FailedPrecondition", message: /`berth pull --all-platforms NAME`/ });
  await stack.images.pullAny({ reference, platform: "all" });
  await using archive = await save();
  assert.equal(archive.images.length, 1);
});

test("a layer that is not unpacked cannot be recreated", async () => {
  await using set = await setting("gzip");
  const { images, content, snapshotter } = set.stack;
  const image = images.find(name);
  assert.ok(image?.chainId !== undefined);
  await snapshotter.remove(image.chainId);
  await content.delete(set.own.digest);
  await assert.rejects(images.save({ images: [name], format: "oci" }, signal), {
    code: "FailedPrecondition",
    message: /its files are not unpacked here either/,
  });
});

test("views that a killed daemon left are removed at the next start", async () => {
  await using directory = await tempDir();
  {
    await using stack = await openStack({ root: directory.path });
    await stack.snapshotter.view("remake-1", undefined);
  }
  await using next = await openStack({ root: directory.path });
  assert.deepEqual(next.snapshotter.list(), []);
});
