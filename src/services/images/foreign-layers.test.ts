import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Digest, digestHex, digestOf, mediaType } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, indexOf, type TestImage } from "../../testing/images.ts";
import { startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

type Layer = { readonly digest: Digest; readonly size: number; readonly mediaType: string };

/** The image with its layer said to be of another type, to be had at those URLs. */
function foreign(image: TestImage, type: string, urls: (digest: Digest) => readonly string[]): TestImage {
  const bytes = image.blobs.get(image.target.digest)?.bytes ?? new Uint8Array();
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as { layers: readonly Layer[] };
  const layers = manifest.layers.map((layer) => ({ ...layer, mediaType: type, urls: urls(layer.digest) }));
  const changed = Buffer.from(JSON.stringify({ ...manifest, layers }));
  const target = { ...image.target, digest: digestOf(changed), size: changed.length };
  return {
    target,
    blobs: new Map(image.blobs).set(target.digest, { mediaType: target.mediaType, bytes: changed }),
  };
}

/** Without what the registry may not have. */
function withoutLayers({ target, blobs }: TestImage): TestImage {
  return {
    target,
    blobs: new Map([...blobs].filter(([, blob]) => blob.mediaType !== mediaType.ociLayerGzip)),
  };
}

const types = [mediaType.ociForeignLayerGzip, mediaType.dockerForeignLayerGzip];

test("layers that must not be distributed are pulled from a registry that has them", async () => {
  const plain = await imageOf();
  const [oci, docker] = types.map((type) => foreign(plain, type, () => []));
  assert.ok(oci && docker);
  await using server = await startFakeRegistry({ "oci:v1": oci, "docker:v1": docker });
  await using stack = await openStack();
  for (const name of ["oci", "docker"]) {
    const image = await stack.images.pull({ reference: `${server.host}/${name}:v1` });
    await stack.inRootfs(image, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n"),
    );
  }
});

test("layers that must not be distributed are pulled from their URLs, without our credentials, if the registry lacks them", async () => {
  const plain = await imageOf();
  const wants = { realm: 'Basic realm="elsewhere"' };
  await using elsewhere = await startFakeRegistry({ "other:v1": plain }, ({ url = "" }, response) => {
    if (url !== "/private") return false;
    response.writeHead(401, { "www-authenticate": wants.realm }).end();
    return true;
  });
  const image = foreign(plain, mediaType.dockerForeignLayerGzip, (digest) => [
    "no URL",
    "file:///etc/passwd",
    `http://${elsewhere.host}/private`,
    `http://user:password@${elsewhere.host}/v2/other/blobs/${digest}`,
  ]);
  const lacking = withoutLayers(image);
  await using server = await startFakeRegistry({ "a:b": lacking });
  await using stack = await openStack();
  const credentials = { kind: "basic", username: "u", password: "p" } as const;
  const pulled = await stack.images.pull({ reference: `${server.host}/a:b`, credentials });
  await stack.inRootfs(pulled, async () => undefined);
  assert.equal(elsewhere.requests.length, 2);
  for (const { headers } of elsewhere.requests) assert.equal(headers.authorization, undefined);
});

test("URLs of a layer of another type are not requested", async () => {
  const plain = await imageOf();
  await using elsewhere = await startFakeRegistry({ "other:v1": plain });
  const image = foreign(plain, mediaType.ociLayerGzip, (digest) => [
    `http://${elsewhere.host}/v2/other/blobs/${digest}`,
  ]);
  await using server = await startFakeRegistry({ "a:b": withoutLayers(image) });
  await using stack = await openStack();
  await assert.rejects(stack.images.pull({ reference: `${server.host}/a:b` }), /not found/);
  assert.equal(elsewhere.requests.length, 0);
});

for (const type of types)
  test(`a layer that must not be distributed is neither pushed nor saved: ${type}`, async () => {
    const plain = await imageOf();
    await using elsewhere = await startFakeRegistry({ "other:v1": plain });
    const image = foreign(plain, type, (digest) => [`http://${elsewhere.host}/v2/other/blobs/${digest}`]);
    await using server = await startFakeRegistry({ "app:v1": withoutLayers(image) });
    await using stack = await openStack();
    const reference = `${server.host}/app:v1`;
    const [layer] = (await stack.images.pull({ reference })).layers;
    assert.ok(layer !== undefined && stack.content.has(layer.digest));
    await using registry = await startRegistry({ foreignUrls: true });
    const pushed = await stack.images.push({ image: reference, destination: `${registry.host}/copy:v1` });
    assert.equal(pushed.digest, image.target.digest);
    const blob = (digest: Digest) =>
      fetch(`http://${registry.host}/v2/copy/blobs/${digest}`, { method: "HEAD" });
    assert.equal((await blob(layer.digest)).status, 404);
    await using other = await openStack();
    const again = await other.images.pull({ reference: `${registry.host}/copy:v1` });
    await other.inRootfs(again, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n"),
    );
    const request = { images: [reference], format: "oci" } as const;
    await using archive = await stack.images.save(request, new AbortController().signal);
    const bytes = Buffer.concat(await Array.fromAsync(archive.bytes));
    assert.ok(!bytes.includes(`${digestHex(layer.digest)}\0`));
    assert.ok(!bytes.includes("manifest.json\0"), "a list of docker's, which would name the layer");
    await assert.rejects(stack.images.save({ ...request, format: "docker" }, new AbortController().signal), {
      code: "FailedPrecondition",
      message: /cannot be saved in a docker archive/,
    });
    await using directory = await tempDir();
    const path = join(directory.path, "archive");
    await writeFile(path, bytes);
    await using without = await openStack();
    await assert.rejects(without.images.importArchive(path), { code: "InvalidArgument" });
  });

test("an archive is loaded for all platforms without layers of others that must not be distributed", async () => {
  const windows = { os: "windows", architecture: "amd64" };
  const layers = [[{ name: "other", content: "of the other platform" }]];
  const [plain, own] = [await imageOf({ platform: windows, layers }), await imageOf()];
  await using elsewhere = await startFakeRegistry({ "other:v1": plain });
  const other = foreign(plain, mediaType.dockerForeignLayerGzip, (digest) => [
    `http://${elsewhere.host}/v2/other/blobs/${digest}`,
  ]);
  const index = indexOf([
    [own, { os: "linux", architecture: "amd64" }],
    [other, windows],
  ]);
  await using server = await startFakeRegistry({ "app:v1": index });
  await using stack = await openStack();
  const reference = `${server.host}/app:v1`;
  await stack.images.pullAny({ reference, platform: "all" });
  const request = { images: [reference], format: "oci", platform: "all" } as const;
  await using archive = await stack.images.save(request, new AbortController().signal);
  await using directory = await tempDir();
  const path = join(directory.path, "archive");
  await writeFile(path, archive.bytes);
  await using next = await openStack();
  const [loaded] = await next.images.importArchive(path, undefined, { allPlatforms: true });
  assert.deepEqual(loaded?.repoTags, [reference]);
  assert.ok(next.content.has(other.target.digest));
  await next.inRootfs(next.images.find(reference) ?? assert.fail(), async () => undefined);
});
