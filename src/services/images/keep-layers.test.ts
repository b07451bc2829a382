import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Digest, mediaType } from "../../parts/oci/index.ts";
import { filesArtifact } from "../../testing/artifacts.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const signal = new AbortController().signal;
const layers = [[{ name: "hello", content: "hello\n" }], [{ name: "upper", content: "2" }]];

function layersOf({ blobs }: TestImage): readonly Digest[] {
  return [...blobs].flatMap(([digest, blob]) => (blob.mediaType === mediaType.ociLayerGzip ? [digest] : []));
}

function kept({ content }: TestStack, digests: readonly Digest[]): number {
  return digests.filter((digest) => content.has(digest)).length;
}

test("layers that are not kept are removed once they are unpacked; the image is unchanged, and a registry that has them accepts a push", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack({ keepLayers: false });
  const app = await imageOf({ layers });
  await pushImage(registry, "app", "v1", app);
  const reference = `${registry.host}/app:v1`;
  const image = await stack.images.pull({ reference });
  await stack.images.collectGarbage();
  assert.equal(kept(stack, layersOf(app)), 0);
  assert.ok(stack.content.has(image.id) && stack.content.has(image.manifest.digest));
  await stack.inRootfs(image, async (root) => assert.equal(await readFile(join(root, "upper"), "utf8"), "2"));
  assert.equal((await stack.images.pull({ reference })).id, image.id);
  assert.equal(kept(stack, layersOf(app)), 0);
  await stack.images.push({ image: reference, destination: `${registry.host}/copy:v1` });
  await assert.rejects(stack.images.save({ images: [reference], format: "oci" }, signal), {
    code: "FailedPrecondition",
    message: /are not stored here, and rebuilt from its files it has the digest/,
  });
});

test("layers that were not kept are fetched again for an image whose files were lost", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack({ keepLayers: false });
  await pushImage(registry, "app", "v1", await imageOf({ layers }));
  const reference = `${registry.host}/app:v1`;
  const image = await stack.images.pull({ reference });
  await stack.images.collectGarbage();
  await stack.snapshotter.remove(image.chainId ?? "");
  await assert.rejects(stack.images.prepareRootfs(image, "container"), {
    code: "NotFound",
    message: /pull it again/,
  });
  await stack.images.pull({ reference });
  await stack.inRootfs(image, async (root) => assert.equal(await readFile(join(root, "upper"), "utf8"), "2"));
});

test("content that exists nowhere else is kept: layers of other platforms, of artifacts, and from outside of registries", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack({ keepLayers: false });
  const files = filesArtifact({ a: "text" });
  await pushImage(registry, "files", "v1", files);
  await stack.images.pull({ reference: `${registry.host}/files:v1` });
  const local = await imageOf({ layers });
  for (const [digest, { bytes }] of local.blobs) await stack.content.put(bytes, { digest });
  await stack.images.adopt(local.target, "registry.example/local:1", signal);
  const foreign = await imageOf({ layers: [[{ name: "arm", content: "1" }]] });
  await pushImage(registry, "whole", "v1", foreign);
  await stack.images.pullAny({ reference: `${registry.host}/whole:v1`, platform: "all" });
  await stack.images.collectGarbage();
  for (const image of [files, local, foreign])
    assert.equal(kept(stack, [...image.blobs.keys()]), image.blobs.size);
});
