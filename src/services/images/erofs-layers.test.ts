import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { zstdCompressSync } from "node:zlib";
import { closeFile, makeNodeAt, openDirectory, setXattrAt } from "../../ground/linux/index.ts";
import { type Digest, digestOf, mediaType } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { type TestBlob, type TestImage, tarOf } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

const run = promisify(execFile);
const erofsType = "application/vnd.erofs.layer.v1";

/** A layer's bytes, and the digest of what they are uncompressed. */
type Layer = { readonly mediaType: string; readonly bytes: Uint8Array; readonly diffId: Digest };

/** What mkfs.erofs makes of a directory that `fill` has written to. */
async function erofsLayer(
  fill: (directory: string) => Promise<void>,
  { type = erofsType, options = [] }: { readonly type?: string; readonly options?: readonly string[] } = {},
): Promise<Layer> {
  await using directory = await tempDir();
  const [tree, image] = [join(directory.path, "tree"), join(directory.path, "image")];
  await mkdir(tree, { mode: 0o755 });
  await fill(tree);
  await run("mkfs.erofs", ["--quiet", ...options, image, tree]);
  return asLayer(await readFile(image), type);
}

function asLayer(bytes: Uint8Array, type: string): Layer {
  const kept = type.endsWith("+zstd") ? zstdCompressSync(bytes) : bytes;
  return { mediaType: type, bytes: kept, diffId: digestOf(bytes) };
}

async function tarLayer(entries: Parameters<typeof tarOf>[0]): Promise<Layer> {
  return asLayer(await tarOf(entries), mediaType.ociLayer);
}

/** An image of these layers, bottom first. */
function imageWith(layers: readonly Layer[]): TestImage {
  const blobs = new Map<Digest, TestBlob>();
  const add = (type: string, bytes: Uint8Array) => {
    const digest = digestOf(bytes);
    blobs.set(digest, { mediaType: type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const config = {
    os: "linux",
    architecture: "amd64",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: add(mediaType.ociConfig, json(config)),
    layers: layers.map((layer) => add(layer.mediaType, layer.bytes)),
  };
  return { target: add(mediaType.ociManifest, json(manifest)), blobs };
}

const hello = (directory: string) => writeFile(join(directory, "hello"), "hello\n");

for (const type of [erofsType, `${erofsType}+zstd`, "application/vnd.oci.image.layer.v1.erofs"]) {
  test(`a layer of the type ${type} is the snapshot's one file, as it came`, async () => {
    const layer = await erofsLayer(hello, { type });
    await using server = await startFakeRegistry({ "app:v1": imageWith([layer]) });
    await using stack = await openStack({ kind: "erofs" });
    const image = await stack.images.pull({ reference: `${server.host}/app:v1` });
    await stack.inRootfs(image, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n"),
    );
    const directory = join(stack.snapshotter.root, "1", "image");
    assert.deepEqual(await readdir(directory), ["layer.erofs"]);
    const kept = join(directory, "layer.erofs");
    assert.equal(digestOf(await readFile(kept)), layer.diffId);
    assert.equal((await stat(kept)).mode & 0o777, 0o600);
  });
}

test("EROFS images, compressed by themselves too, and archives lie on one another, with overlayfs's whiteouts", async () => {
  const layers = [
    await tarLayer([
      { name: "data", type: "directory", mode: 0o755 },
      { name: "data/kept", content: "kept" },
      { name: "data/gone", content: "gone" },
      { name: "hidden", type: "directory", mode: 0o755 },
      { name: "hidden/below", content: "below" },
    ]),
    await erofsLayer(
      async (directory) => {
        await mkdir(join(directory, "data"));
        await mkdir(join(directory, "hidden"));
        await writeFile(join(directory, "data", "big"), "abcdefgh".repeat(100_000));
        const fd = openDirectory(directory);
        try {
          makeNodeAt(fd, "data/gone", constants.S_IFCHR, 0);
          setXattrAt(fd, "hidden", "trusted.overlay.opaque", Buffer.from("y"));
        } finally {
          closeFile(fd);
        }
      },
      { options: ["-zlz4"] },
    ),
    await tarLayer([{ name: "data/top", content: "top" }]),
  ];
  await using server = await startFakeRegistry({ "app:v1": imageWith(layers) });
  await using stack = await openStack({ kind: "erofs" });
  const image = await stack.images.pull({ reference: `${server.host}/app:v1` });
  await stack.inRootfs(image, async (root) => {
    assert.deepEqual((await readdir(join(root, "data"))).sort(), ["big", "kept", "top"]);
    assert.equal(await readFile(join(root, "data", "big"), "utf8"), "abcdefgh".repeat(100_000));
    assert.deepEqual(await readdir(join(root, "hidden")), []);
    await writeFile(join(root, "data", "big"), "changed");
  });
});

for (const kind of ["overlayfs", "native"] as const) {
  test(`the ${kind} snapshotter refuses such a layer by name, before a layer is fetched`, async () => {
    const layers = [await tarLayer([{ name: "below", content: "" }]), await erofsLayer(hello)];
    const image = imageWith(layers);
    await using server = await startFakeRegistry({ "app:v1": image });
    await using stack = await openStack({ kind });
    await assert.rejects(stack.images.pull({ reference: `${server.host}/app:v1` }), {
      code: "Unimplemented",
      message: new RegExp(
        `layer ${digestOf(layers[1]?.bytes ?? new Uint8Array())} is an EROFS image .*, which the ${kind} snapshotter cannot unpack: set images.snapshotter = "erofs"`,
      ),
    });
    for (const { bytes } of layers)
      assert.ok(!server.requests.some(({ url }) => url.includes(digestOf(bytes))));
  });
}

test("an EROFS image is refused whose bytes are others than the digest or the diff id says", async () => {
  const layer = await erofsLayer(hello);
  const changed = Buffer.from(layer.bytes);
  changed.writeUInt8(changed.readUInt8(2000) ^ 1, 2000);
  const wrongBytes = imageWith([layer]);
  const damaged = new Map(wrongBytes.blobs).set(digestOf(layer.bytes), {
    mediaType: erofsType,
    bytes: changed,
  });
  const wrongDiffId = imageWith([{ ...layer, diffId: digestOf(changed) }]);
  await using server = await startFakeRegistry({
    "damaged:v1": { ...wrongBytes, blobs: damaged },
    "other:v1": wrongDiffId,
  });
  await using stack = await openStack({ kind: "erofs" });
  for (const name of ["damaged", "other"])
    await assert.rejects(stack.images.pull({ reference: `${server.host}/${name}:v1` }), { code: "DataLoss" });
  assert.deepEqual(stack.snapshotter.list(), []);
});

test("what is no EROFS image, is cut, or has data in other files is refused as such", async () => {
  const { bytes } = await erofsLayer((directory) => writeFile(join(directory, "big"), "a".repeat(20_000)));
  const withDevice = Buffer.from(bytes);
  withDevice.writeUInt32LE(withDevice.readUInt32LE(1024 + 80) | 8, 1024 + 80);
  withDevice.writeUInt16LE(1, 1024 + 86);
  const cases: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    tar: [await tarOf([{ name: "hello", content: "hello" }]), /it has no superblock of EROFS/],
    empty: [Buffer.alloc(0), /it has no superblock of EROFS/],
    cut: [bytes.subarray(0, 8192), /it says that it has [0-9]+ bytes, and has 8192/],
    device: [withDevice, /it has data on other devices/],
  };
  const images = Object.fromEntries(
    Object.entries(cases).map(([name, [layer]]) => [`${name}:v1`, imageWith([asLayer(layer, erofsType)])]),
  );
  await using server = await startFakeRegistry(images);
  await using stack = await openStack({ kind: "erofs" });
  for (const [name, [, message]] of Object.entries(cases))
    await assert.rejects(stack.images.pull({ reference: `${server.host}/${name}:v1` }), {
      code: "InvalidArgument",
      message,
    });
  assert.deepEqual(stack.snapshotter.list(), []);
});

for (const kind of ["erofs", "overlayfs"] as const) {
  test(`an EROFS image that an image says is an archive is refused with ${kind}: what shares its chain id would get an empty layer`, async () => {
    const layer = await erofsLayer(hello);
    await using server = await startFakeRegistry({
      "mistaken:v1": imageWith([{ ...layer, mediaType: mediaType.ociLayer }]),
      "right:v1": imageWith([layer]),
    });
    await using stack = await openStack({ kind });
    await assert.rejects(stack.images.pull({ reference: `${server.host}/mistaken:v1` }), {
      code: "InvalidArgument",
      message: /it is an EROFS image, though its media type says that it is an archive/,
    });
    assert.deepEqual(stack.snapshotter.list(), []);
    if (kind === "overlayfs") return;
    const image = await stack.images.pull({ reference: `${server.host}/right:v1` });
    await stack.inRootfs(image, async (root) => assert.deepEqual(await readdir(root), ["hello"]));
  });
}

test("a layer with features that the kernel does not know is an error that says so when something is made on it", async () => {
  const { bytes } = await erofsLayer(hello);
  const unknown = Buffer.from(bytes);
  // Without a checksum of the superblock.
  unknown.writeUInt32LE(unknown.readUInt32LE(1024 + 8) & ~1, 1024 + 8);
  unknown.writeUInt32LE(0x4000_0000, 1024 + 80);
  await using server = await startFakeRegistry({ "app:v1": imageWith([asLayer(unknown, erofsType)]) });
  await using stack = await openStack({ kind: "erofs" });
  const image = await stack.images.pull({ reference: `${server.host}/app:v1` });
  await assert.rejects(
    stack.inRootfs(image, async () => undefined),
    { code: "FailedPrecondition", message: /layer\.erofs: the kernel cannot read this EROFS image/ },
  );
});

test("an image with an EROFS layer is pushed as it is", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack({ kind: "erofs" });
  const made = imageWith([await erofsLayer(hello)]);
  await pushImage(registry, "app", "v1", made);
  const image = `${registry.host}/app:v1`;
  await stack.images.pull({ reference: image });
  await stack.images.push({ image, destination: `${registry.host}/copy:v1` });
  const answer = await fetch(`http://${registry.host}/v2/copy/manifests/v1`, {
    headers: { accept: mediaType.ociManifest },
  });
  assert.equal(digestOf(new Uint8Array(await answer.arrayBuffer())), made.target.digest);
});
