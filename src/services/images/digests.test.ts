import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { type Digest, digestHex, digestOf, mediaType } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestBlob, type TestImage, tarOf } from "../../testing/images.ts";
import { startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

/** Has only its form in common with a digest. */
const some = `sha512:${"0".repeat(128)}` as Digest;

/** The image with everything in it named by sha512: manifest, config, layers and what they unpack to. */
async function bySha512(content: string): Promise<TestImage> {
  const entries = [{ name: "hello", content }];
  const plain = await imageOf({ layers: [entries] });
  const blobs = new Map<Digest, TestBlob>();
  const add = (type: string, bytes: Uint8Array) => {
    const digest = digestOf(bytes, some);
    blobs.set(digest, { mediaType: type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const [layer] = [...plain.blobs.values()].filter((blob) => blob.mediaType === mediaType.ociLayerGzip);
  assert.ok(layer);
  const config = {
    os: "linux",
    architecture: "amd64",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(await tarOf(entries), some)] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: add(mediaType.ociConfig, Buffer.from(JSON.stringify(config))),
    layers: [add(layer.mediaType, layer.bytes)],
  };
  const target = add(mediaType.ociManifest, Buffer.from(JSON.stringify(manifest)));
  return { target, blobs };
}

async function shows(stack: TestStack, content: string): Promise<void> {
  const [image] = stack.images.list();
  assert.ok(image);
  assert.match(image.id, /^sha512:/);
  assert.equal(stack.images.find(image.id.slice(0, 20))?.id, image.id);
  await stack.inRootfs(image, async (root) =>
    assert.equal(await readFile(join(root, "hello"), "utf8"), content),
  );
}

test("an image with sha512 digests is pulled, verified, and still there after a restart", async () => {
  const image = await bySha512("pulled");
  await using server = await startFakeRegistry({ "a:b": image });
  await using directory = await tempDir();
  {
    await using stack = await openStack({ root: directory.path });
    await stack.images.pull({ reference: `${server.host}/a:b` });
    await shows(stack, "pulled");
  }
  await using stack = await openStack({ root: directory.path });
  await shows(stack, "pulled");
  const again = await stack.images.pull({ reference: `${server.host}/a@${image.target.digest}` });
  assert.deepEqual(again.repoDigests, [`${server.host}/a@${image.target.digest}`]);
  assert.ok(again.layers.every(({ digest }) => stack.content.has(digest)));
});

test("bytes that do not match their sha512 digest are refused", async () => {
  const image = await bySha512("damaged");
  const other = await bySha512("unlike");
  const swapped = new Map(
    [...image.blobs].map(([digest, blob]) => {
      const [instead] = [...other.blobs.values()].filter(({ mediaType: type }) => type === blob.mediaType);
      return [digest, blob.mediaType === mediaType.ociLayerGzip && instead ? instead : blob] as const;
    }),
  );
  await using server = await startFakeRegistry({ "a:b": { target: image.target, blobs: swapped } });
  await using stack = await openStack();
  await assert.rejects(stack.images.pull({ reference: `${server.host}/a:b` }), { code: "DataLoss" });
});

test("an image with a sha512 digest is imported from a layout and from an archive", async () => {
  const image = await bySha512("imported");
  const manifests = [{ ...image.target, annotations: { "io.containerd.image.name": "example.com/a:v1" } }];
  const files = [
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests }) },
    ...[...image.blobs].map(([digest, { bytes }]) => ({
      name: `blobs/sha512/${digestHex(digest)}`,
      content: bytes,
    })),
  ];
  await using directory = await tempDir();
  for (const { name, content } of files) {
    await mkdir(dirname(join(directory.path, "layout", name)), { recursive: true });
    await writeFile(join(directory.path, "layout", name), content);
  }
  await writeFile(join(directory.path, "archive.tar"), await tarOf(files));
  for (const name of ["layout", "archive.tar"]) {
    await using stack = await openStack();
    await stack.images.importArchive(join(directory.path, name));
    await shows(stack, "imported");
  }
});

// docker-registry 2.8.2 and distribution 3.1.2 take blobs by sha512, and announce everything by sha256.
test("an image with a sha512 digest is pushed under a tag to a registry that names manifests by sha256", async () => {
  const image = await bySha512("pushed");
  await using server = await startRegistry();
  await using from = await openStack();
  for (const [digest, { bytes }] of image.blobs) await from.content.put(bytes, { digest });
  await from.imageNames.create({ name: "example.com/a:v1", target: image.target });
  const destination = `${server.host}/a:v1`;
  for (const _again of [1, 2])
    assert.equal(
      (await from.images.push({ image: "example.com/a:v1", destination })).digest,
      image.target.digest,
    );
  await using to = await openStack();
  await to.images.pull({ reference: destination });
  await shows(to, "pushed");
});
