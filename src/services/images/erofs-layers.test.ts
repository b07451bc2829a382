import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { promisify } from "node:util";
import { closeFile, makeNodeAt, openDirectory, setXattrAt, unmount } from "../../ground/linux/index.ts";
import { digestOf, mediaType } from "../../parts/oci/index.ts";
import { applyLayer } from "../../parts/unpack/index.ts";
import {
  asLayer,
  erofsLayer,
  erofsType,
  imageWith,
  type Layer,
  tarLayer,
} from "../../testing/erofs-layers.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { indexOf, tarOf } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

const run = promisify(execFile);
const signal = new AbortController().signal;
const hello = (directory: string) => writeFile(join(directory, "hello"), "hello\n");

for (const type of [erofsType, `${erofsType}+zstd`, "application/vnd.oci.image.layer.v1.erofs"]) {
  test(`a layer of the type ${type} is stored unchanged as the snapshot's only file`, async () => {
    const layer = await erofsLayer(hello, { type });
    await using server = await startFakeRegistry({ "app:v1": imageWith([layer]) });
    await using stack = await openStack({ kind: "erofs" });
    const image = await stack.images.pull({ reference: `${server.host}/app:v1` });
    await stack.inRootfs(image, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n"),
    );
    const [number = ""] = (await readdir(stack.snapshotter.root)).filter((name) => /^\d+$/.test(name));
    const directory = join(stack.snapshotter.root, number, "image");
    assert.deepEqual(await readdir(directory), ["layer.erofs"]);
    const kept = join(directory, "layer.erofs");
    assert.equal(digestOf(await readFile(kept)), layer.diffId);
    assert.equal((await stat(kept)).mode & 0o777, 0o600);
  });
}

test("EROFS images, including compressed ones, and tar layers stack on one another, with overlayfs's whiteouts", async () => {
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

test("the image with EROFS layers is chosen from an index if they can be mounted, otherwise the other one", async () => {
  const platform = { os: "linux", architecture: "amd64" };
  const plain = imageWith([await tarLayer([{ name: "plain", content: "" }])]);
  const native = imageWith([await erofsLayer(hello)]);
  const offered = [
    [native, { ...platform, "os.features": ["erofs"] }],
    [plain, platform],
  ] as const;
  await using server = await startFakeRegistry({
    "app:v1": indexOf(offered.toReversed()),
    "app:v2": indexOf(offered),
    "native:v1": indexOf(offered.slice(0, 1)),
  });
  for (const [kind, taken] of [
    ["erofs", native],
    ["overlayfs", plain],
  ] as const) {
    await using stack = await openStack({ kind });
    for (const tag of ["v1", "v2"])
      assert.equal(
        (await stack.images.pull({ reference: `${server.host}/app:${tag}` })).manifest.digest,
        taken.target.digest,
        `${kind} ${tag}`,
      );
  }
  await using stack = await openStack({ kind: "overlayfs" });
  await assert.rejects(stack.images.pull({ reference: `${server.host}/native:v1` }), {
    code: "NotFound",
    message: /no manifest for linux\/amd64; it is available for linux\(\+erofs\)\/amd64/,
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

test("an EROFS image is refused if its bytes do not match the digest or the diff id", async () => {
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

test("an EROFS image is refused if it is longer or shorter than the manifest says", async () => {
  const layer = await erofsLayer(hello);
  const { length } = layer.bytes;
  const images = {
    "longer:v1": imageWith([{ ...layer, size: length - 4096 }]),
    "shorter:v1": imageWith([{ ...layer, size: length + 4096 }]),
  };
  // Without a Content-Length, so that only the bytes tell.
  await using server = await startFakeRegistry(images, ({ url }, response) => {
    if (url?.includes(digestOf(layer.bytes)) !== true) return false;
    response.write(layer.bytes.subarray(0, 1000));
    response.end(layer.bytes.subarray(1000));
    return true;
  });
  await using stack = await openStack({ kind: "erofs" });
  for (const name of Object.keys(images))
    await assert.rejects(stack.images.pull({ reference: `${server.host}/${name}` }), { code: "DataLoss" });
  assert.deepEqual(stack.snapshotter.list(), []);
});

/** Applies a compressed layer to a file system of 64 MiB; how much of it was written. */
async function applied({ bytes, diffId }: Layer, expected: { code: string; message: RegExp }) {
  await using root = await tempDir();
  await run("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", root.path]);
  await using _mount = { [Symbol.asyncDispose]: () => unmount(root.path) };
  const directory = join(root.path, "image");
  const options = { target: { form: "image", directory }, format: "erofs" } as const;
  const blob = { digest: digestOf(bytes), size: bytes.length, diffId };
  await assert.rejects(applyLayer(Readable.from([bytes]), { ...options, expected: blob }), expected);
  assert.deepEqual(await readdir(directory), ["layer.erofs.part"]);
  return (await stat(join(directory, "layer.erofs.part"))).size;
}

test("nothing is written of bytes that are not an EROFS image, however many they are uncompressed", async () => {
  const layer = asLayer(Buffer.alloc(256 * 2 ** 20), `${erofsType}+zstd`);
  const written = await applied(layer, {
    code: "InvalidArgument",
    message: /it has no EROFS superblock/,
  });
  assert.equal(written, 0);
});

test("an EROFS image that does not fit on the disk fails with an error that says so, and gets no name", async () => {
  const { bytes } = await erofsLayer(hello);
  const layer = asLayer(Buffer.concat([bytes, Buffer.alloc(256 * 2 ** 20)]), `${erofsType}+zstd`);
  await applied(layer, { code: "ResourceExhausted", message: /the layer's image cannot be written/ });
});

test("data that is not an EROFS image, is truncated, or refers to other files is refused as such", async () => {
  const { bytes } = await erofsLayer((directory) => writeFile(join(directory, "big"), "a".repeat(20_000)));
  const withDevice = Buffer.from(bytes);
  withDevice.writeUInt32LE(withDevice.readUInt32LE(1024 + 80) | 8, 1024 + 80);
  withDevice.writeUInt16LE(1, 1024 + 86);
  const cases: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    tar: [await tarOf([{ name: "hello", content: "hello" }]), /it has no EROFS superblock/],
    empty: [Buffer.alloc(0), /it has no EROFS superblock/],
    cut: [bytes.subarray(0, 8192), /its superblock says [0-9]+ bytes, but it has 8192/],
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
  test(`an EROFS image that is declared to be a tar is refused with ${kind}: images that share its chain id would get an empty layer`, async () => {
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

test("a layer with features that the kernel does not know fails with a clear error when a snapshot is created on it", async () => {
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

test("uncompressed layers that were not kept are pushed and saved from their snapshots", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack({ kind: "erofs", keepLayers: false });
  const layers = [await tarLayer([{ name: "below", content: "below" }]), await erofsLayer(hello)];
  const made = imageWith(layers);
  await pushImage(registry, "app", "v1", made);
  const image = `${registry.host}/app:v1`;
  await stack.images.pull({ reference: image });
  await stack.images.collectGarbage();
  for (const { bytes } of layers) assert.ok(!stack.content.has(digestOf(bytes)));
  const snapshots = stack.snapshotter.list();
  await using other = await startRegistry();
  await stack.images.push({ image, destination: `${other.host}/copy:v1` });
  await using archive = await stack.images.save({ images: [image], format: "oci" }, signal);
  const saved = Buffer.concat(await Array.fromAsync(archive.bytes));
  for (const { bytes } of layers) {
    const pushed = await fetch(`http://${other.host}/v2/copy/blobs/${digestOf(bytes)}`);
    assert.deepEqual(Buffer.from(await pushed.arrayBuffer()), Buffer.from(bytes));
    assert.ok(saved.includes(bytes));
  }
  assert.deepEqual(stack.snapshotter.list(), snapshots);
});

test("a layer whose snapshot is damaged, or that came compressed, is not pushed from the snapshot", async () => {
  await using registry = await startRegistry();
  await using stack = await openStack({ kind: "erofs", keepLayers: false });
  const big = (directory: string) => writeFile(join(directory, "big"), "a".repeat(20_000));
  const [plain, zstd] = [await erofsLayer(big), await erofsLayer(hello, { type: `${erofsType}+zstd` })];
  await pushImage(registry, "plain", "v1", imageWith([plain]));
  await pushImage(registry, "zstd", "v1", imageWith([zstd]));
  const pulled = await stack.images.pull({ reference: `${registry.host}/plain:v1` });
  await stack.images.pull({ reference: `${registry.host}/zstd:v1` });
  await stack.images.collectGarbage();
  const kept = await stack.snapshotter.layerFile(pulled.chainId ?? "");
  assert.ok(kept !== undefined);
  await using other = await startRegistry();
  const push = (name: string) =>
    stack.images.push({ image: `${registry.host}/${name}:v1`, destination: `${other.host}/${name}:v1` });
  await assert.rejects(push("zstd"), { code: "FailedPrecondition", message: /cannot be rebuilt/ });
  const bytes = await readFile(kept);
  const inData = bytes.lastIndexOf("a");
  bytes.writeUInt8(bytes.readUInt8(inData) ^ 1, inData);
  await writeFile(kept, bytes);
  await assert.rejects(push("plain"), { code: "FailedPrecondition", message: /cannot be rebuilt/ });
  assert.deepEqual(await stack.content.ingests(), []);
});
