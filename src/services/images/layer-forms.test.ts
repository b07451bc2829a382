import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { digestHex, digestOf, mediaType } from "../../parts/oci/index.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

const run = promisify(execFile);

/** The image with its layers described otherwise. */
function changed(image: TestImage, change: object): TestImage {
  const bytes = image.blobs.get(image.target.digest)?.bytes ?? new Uint8Array();
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as { layers: readonly object[] };
  const layers = manifest.layers.map((layer) => ({ ...layer, ...change }));
  const written = Buffer.from(JSON.stringify({ ...manifest, layers }));
  const target = { ...image.target, digest: digestOf(written), size: written.length };
  return {
    target,
    blobs: new Map(image.blobs).set(target.digest, { mediaType: target.mediaType, bytes: written }),
  };
}

/** As an OCI layout with the image under the name `app`. */
async function writeLayout(directory: string, { target, blobs }: TestImage): Promise<void> {
  await mkdir(join(directory, "blobs", "sha256"), { recursive: true });
  for (const [digest, { bytes }] of blobs)
    await writeFile(join(directory, "blobs", "sha256", digestHex(digest)), bytes);
  await writeFile(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { "org.opencontainers.image.ref.name": "app" };
  const manifests = [{ ...target, annotations }];
  await writeFile(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

async function manifestIn(host: string, name: string): Promise<Buffer> {
  const url = `http://${host}/v2/${name}/manifests/v1`;
  const answer = await fetch(url, { headers: { accept: mediaType.ociManifest } });
  assert.equal(answer.status, 200, url);
  return Buffer.from(await answer.arrayBuffer());
}

test("zstd:chunked layers from skopeo are read as zstd, and keep their annotations in a push", async () => {
  await using directory = await tempDir();
  await using registry = await startRegistry();
  await using stack = await openStack();
  const layers = [
    [
      { name: "hello", content: "hello\n" },
      { name: "big", content: "abcdefgh".repeat(100_000) },
    ],
    [{ name: "upper", content: "2" }],
  ];
  await writeLayout(directory.path, await imageOf({ layers }));
  const source = `oci:${directory.path}:app`;
  const made = `${registry.host}/chunked:v1`;
  const options = ["--dest-compress-format", "zstd:chunked", "--dest-tls-verify=false"];
  await run("skopeo", ["copy", ...options, source, `docker://${made}`]);
  const image = await stack.images.pull({ reference: made });
  for (const layer of image.layers) {
    assert.equal(layer.mediaType, mediaType.ociLayerZstd);
    assert.match(
      Object.keys(layer.annotations ?? {}).join(),
      /zstd-chunked\.manifest-checksum.*zstd-chunked\.manifest-position/,
    );
  }
  await stack.inRootfs(image, async (root) => {
    assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n");
    assert.equal(await readFile(join(root, "big"), "utf8"), "abcdefgh".repeat(100_000));
    assert.equal(await readFile(join(root, "upper"), "utf8"), "2");
  });
  await using other = await startRegistry();
  await stack.images.push({ image: made, destination: `${other.host}/copy:v1` });
  assert.deepEqual(await manifestIn(other.host, "copy"), await manifestIn(registry.host, "chunked"));
});

test("an encrypted layer is refused before anything is fetched, with the names of who could decrypt it", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack();
  const plain = await imageOf();
  const type = `${mediaType.ociLayerGzip}+encrypted`;
  const keys = (...names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [`org.opencontainers.image.enc.keys.${name}`, "e30="]));
  const cases = {
    provider: [keys("provider.attestation-agent"), /for the key provider "attestation-agent"; /],
    several: [keys("jwe", "pgp"), /for keys of JWE and keys of PGP; /],
    nobody: [{}, /for recipients that its annotations do not name; /],
  } as const;
  for (const [name, [annotations, message]] of Object.entries(cases)) {
    const image = changed(plain, { mediaType: type, annotations });
    await pushImage(registry, name, "v1", image);
    const [layer] = JSON.parse((await manifestIn(registry.host, name)).toString()).layers;
    await assert.rejects(stack.images.pull({ reference: `${registry.host}/${name}:v1` }), {
      code: "Unimplemented",
      message: new RegExp(`layer ${layer.digest} is encrypted .*${message.source}`),
    });
  }
  assert.deepEqual(stack.content.list(), []);
});

for (const compression of ["none", "zstd"] as const) {
  test(`layers with the compression ${compression} are pushed unchanged`, async () => {
    await using registry = await startRegistry();
    await using other = await startRegistry();
    await using stack = await openStack();
    await pushImage(registry, "app", "v1", await imageOf({ compression }));
    const image = `${registry.host}/app:v1`;
    await stack.images.pull({ reference: image });
    await stack.images.push({ image, destination: `${other.host}/copy:v1` });
    assert.deepEqual(await manifestIn(other.host, "copy"), await manifestIn(registry.host, "app"));
  });
}
