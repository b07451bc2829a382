import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { digestOf } from "../src/parts/oci/index.ts";
import { hostPlatform } from "../src/services/images/index.ts";
import { startFakeRegistry } from "../src/testing/fake-registry.ts";
import { imageOf, indexOf, type TestImage, tarOf } from "../src/testing/images.ts";
import { eventually } from "./support/condition.ts";
import { leftBehind } from "./support/left-behind.ts";
import { archiveFrom, archiveTo, imageStore, openStream, registry } from "./support/transfers.ts";
import { withContainerd } from "./support/with-containerd.ts";

const platform = hostPlatform();
const here = containerd.types.Platform.fromPartial(platform);
const unpacks = [{ platform: here, snapshotter: "" }];
/** The options of `ctr images import` without a base name. */
const prefix = { name: "import-2026-01-02", isPrefix: true, allowOverwrite: true };

type Annotations = Readonly<Record<string, string>>;

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

function indexOfLayout({ target }: TestImage, annotations: Annotations): Buffer {
  return json({ schemaVersion: 2, manifests: [{ ...target, annotations }] });
}

/** An OCI layout in a tar, whose index names the image by an annotation. */
async function layoutOf(image: TestImage, annotations: Annotations) {
  const { blobs } = image;
  return Buffer.from(
    await tarOf([
      { name: "oci-layout", content: json({ imageLayoutVersion: "1.0.0" }) },
      { name: "index.json", content: indexOfLayout(image, annotations) },
      ...[...blobs].map(([digest, { bytes }]) => ({
        name: `blobs/${digest.replace(":", "/")}`,
        content: bytes,
      })),
    ]),
  );
}

describe("containerd's API of transfers with archives", () => {
  const host = withContainerd({ config: '[images]\ngc_delay = "0s"' });

  const transfer = (namespace: string, source: containerd.types.Any, destination: containerd.types.Any) =>
    host.clients.in(namespace).transfer.transfer({ source, destination, options: undefined });

  const load = async (
    namespace: string,
    archive: Buffer,
    store: Parameters<typeof imageStore>[0] = { extraReferences: [prefix] },
    more: Parameters<typeof archiveFrom>[1] = {},
  ) => {
    await using stream = await openStream(host.clients, namespace, "import");
    const loaded = transfer(namespace, archiveFrom("import", more), imageStore(store));
    // Errors are returned while the archive is being sent.
    await Promise.all([loaded, stream.sendBytes(archive)]);
  };

  const save = async (
    namespace: string,
    names: readonly string[],
    more: Parameters<typeof archiveTo>[1] = {},
  ) => {
    await using stream = await openStream(host.clients, namespace, "export");
    const store = imageStore({ extraReferences: names.map((name) => ({ name })) });
    const [bytes] = await Promise.all([
      stream.bytes(),
      transfer(namespace, store, archiveTo("export", more)),
    ]);
    return bytes;
  };

  const names = async (namespace: string) => {
    const { images } = host.clients.in(namespace);
    return (await images.list({ filters: [] })).images.map(({ name, target }) => [name, target?.digest]);
  };

  test("an image that one namespace exports another imports, under its name and unpacked", async () => {
    const layers = [[{ name: "random", content: randomBytes(300_000) }]];
    const image = await imageOf({ platform, layers });
    await using server = await startFakeRegistry({ "app:v1": image });
    const name = `${server.host}/app:v1`;
    await transfer("from", registry(name), imageStore({ name }));
    const archive = await save("from", [name]);
    await load("to", archive, { extraReferences: [prefix], unpacks, platforms: [here] });
    assert.deepEqual(await names("to"), [[name, image.target.digest]]);
    const { raw, metadata } = host.clients.in("to");
    const pages: containerd.snapshotsV1.ListSnapshotsResponse[] = await raw.snapshots
      .list({ snapshotter: "overlayfs", filters: [] }, metadata)
      .toArray();
    assert.equal(pages.flatMap(({ info }) => info).length, 1);
    const withDocker = archive.includes("manifest.json");
    const without = await save("from", [name], { skipCompatibilityManifest: true });
    assert.deepEqual([withDocker, without.includes("manifest.json")], [true, false]);
  });

  test("an image of an archive gets its names from there, completed by the prefix, or one with its digest", async () => {
    const image = await imageOf({ platform });
    const { digest } = image.target;
    const tagged = await layoutOf(image, { "org.opencontainers.image.ref.name": "latest" });
    await load("tagged", tagged);
    assert.deepEqual(await names("tagged"), [["import-2026-01-02:latest", digest]]);
    const whole = await layoutOf(image, { "io.containerd.image.name": "docker.io/library/app:1" });
    const own = { name: "docker.io/library/app", isPrefix: true };
    await load("own", whole, { extraReferences: [own], labels: { a: "b" } });
    assert.deepEqual(await names("own"), [["docker.io/library/app:1", digest]]);
    await load("digests", whole, { extraReferences: [{ ...own, addDigest: true }] });
    const index = indexOfLayout(image, { "io.containerd.image.name": "docker.io/library/app:1" });
    const indexDigest = digestOf(index);
    assert.deepEqual(
      await names("digests"),
      [
        ["docker.io/library/app:1", digest],
        [`docker.io/library/app@${digest}`, digest],
        [`docker.io/library/app@${indexDigest}`, indexDigest],
      ].sort(),
    );
    // containerd imports the blobs, without a name and without an error.
    const refused = { code: status.INVALID_ARGUMENT, details: /names none of its images/ };
    await assert.rejects(
      load("other", whole, { extraReferences: [{ name: "quay.io/x", isPrefix: true }] }),
      refused,
    );
    await assert.rejects(load("nameless", await layoutOf(image, {})), refused);
    assert.deepEqual([await names("other"), await names("nameless")], [[], []]);
  });

  test("an archive's index becomes an image too if it gets a name, with everything that it refers to", async () => {
    const layers = [[{ name: "random", content: randomBytes(10_000) }]];
    const image = await imageOf({ platform, layers });
    const index = indexOfLayout(image, {});
    const [name, store] = ["example.com/index:1", { unpacks, platforms: [here] }];
    await load("index", await layoutOf(image, {}), { ...store, name });
    assert.deepEqual(await names("index"), [[name, digestOf(index)]]);
    const { images, content, raw, metadata } = host.clients.in("index");
    const [found] = (await images.list({ filters: [] })).images;
    assert.deepEqual(
      [found?.target?.mediaType, found?.target?.size],
      ["application/vnd.oci.image.index.v1+json", BigInt(index.length)],
    );
    // Garbage is collected, but not the index, the manifest, the config and the layer.
    await images.create({ image: { ...found, name: "gone" } as never, sourceDateEpoch: undefined });
    await images.delete({ name: "gone", sync: true });
    const { info } = await content.info({ digest: digestOf(index) });
    assert.deepEqual(info?.labels, { "containerd.io/gc.ref.content.m.0": image.target.digest });
    const blobs: containerd.contentV1.ListContentResponse[] = await raw.content
      .list({ filters: [] }, metadata)
      .toArray();
    assert.deepEqual(
      blobs
        .flatMap((page) => page.info)
        .map(({ digest }) => digest)
        .sort(),
      [digestOf(index), image.target.digest, ...image.blobs.keys()]
        .sort()
        .filter((each, at, all) => each !== all[at - 1]),
    );
    // It is an image like any other.
    await load("again", await save("index", [name]));
    assert.deepEqual(
      (await names("again")).map(([each]) => each),
      [name],
    );
  });

  test("the index of an archive from `docker save` has its images with their names", async () => {
    const image = await imageOf({ platform, layers: [[{ name: "random", content: randomBytes(10_000) }]] });
    await using server = await startFakeRegistry({ "app:v1": image });
    const name = `${server.host}/app:v1`;
    await transfer("saved", registry(name), imageStore({ name }));
    const config = [...image.blobs].find(([, { mediaType }]) => mediaType.includes("config"));
    const layer = [...image.blobs].find(([, { mediaType }]) => mediaType.includes("layer"));
    assert.ok(config !== undefined && layer !== undefined);
    const entry = { Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] };
    const archive = await tarOf([
      { name: "manifest.json", content: json([entry]) },
      { name: "config.json", content: config[1].bytes },
      { name: "layer.tar", content: layer[1].bytes },
    ]);
    await load("docker", Buffer.from(archive), { extraReferences: [prefix], name: "example.com/index:2" });
    const found = new Map((await names("docker")).map(([key, digest]) => [key, digest]));
    assert.deepEqual([...found.keys()].sort(), [name, "example.com/index:2"].sort());
    const { raw, metadata } = host.clients.in("docker");
    const read = { digest: found.get("example.com/index:2") ?? "", offset: 0n, size: 0n };
    const pieces: containerd.contentV1.ReadContentResponse[] = await raw.content
      .read(read, metadata)
      .toArray();
    const { manifests } = JSON.parse(Buffer.concat(pieces.map(({ data }) => data)).toString());
    assert.deepEqual(
      manifests.map(({ digest, annotations }: Record<string, unknown>) => [digest, annotations]),
      [[found.get(name), { "io.containerd.image.name": name }]],
    );
  });

  test("layers of an archive from `docker save` are compressed if requested, and unpacked in any case", async () => {
    const files = await tarOf([{ name: "zeros", content: Buffer.alloc(100_000) }]);
    const diffId = digestOf(files);
    const config = json({ ...platform, config: {}, rootfs: { type: "layers", diff_ids: [diffId] } });
    const name = "example.com/zeros:1";
    const archive = await tarOf([
      { name: "manifest.json", content: json([{ Config: "c.json", RepoTags: [name], Layers: ["l.tar"] }]) },
      { name: "c.json", content: config },
      { name: "l.tar", content: files },
    ]);
    const store = { extraReferences: [prefix], unpacks, platforms: [here] };
    await load("compressed", Buffer.from(archive), store, { forceCompress: true });
    const { raw, metadata, snapshots } = host.clients.in("compressed");
    const bytesOf = async (digest: string) => {
      const pieces: containerd.contentV1.ReadContentResponse[] = await raw.content
        .read({ digest, offset: 0n, size: 0n }, metadata)
        .toArray();
      return Buffer.concat(pieces.map(({ data }) => data));
    };
    const [[, manifest = ""] = []] = await names("compressed");
    const [layer] = JSON.parse((await bytesOf(manifest)).toString()).layers;
    assert.equal(layer.mediaType, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    const gzip = await bytesOf(layer.digest);
    assert.ok(gzip.length === layer.size && gzip.length < files.length / 10, `${gzip.length}`);
    assert.equal(digestOf(gunzipSync(gzip)), diffId);
    assert.equal((await snapshots.stat({ snapshotter: "overlayfs", key: diffId })).info?.name, diffId);
  });

  test("truncated and invalid archives import nothing", async () => {
    const image = await imageOf({ platform, layers: [[{ name: "random", content: randomBytes(100_000) }]] });
    const archive = await layoutOf(image, { "org.opencontainers.image.ref.name": "latest" });
    await assert.rejects(load("broken", archive.subarray(0, archive.length / 2)), {
      code: status.INVALID_ARGUMENT,
    });
    await assert.rejects(load("broken", Buffer.from("no archive at all")), { code: status.INVALID_ARGUMENT });
    const { leases } = host.clients.in("broken");
    {
      await using stream = await openStream(host.clients, "broken", "cut");
      const { raw, metadata } = host.clients.in("broken");
      const request = {
        source: archiveFrom("cut"),
        destination: imageStore({ extraReferences: [prefix] }),
        options: undefined,
      };
      const ended = Promise.withResolvers<unknown>();
      raw.transfer.transfer(request, metadata, (error) => ended.resolve(error));
      await stream.receive();
      await stream[Symbol.asyncDispose]();
      assert.notEqual(await ended.promise, null);
    }
    assert.deepEqual(await names("broken"), []);
    assert.ok(
      await eventually(
        "no lease is left",
        async () => (await leases.list({ filters: [] })).leases.length === 0,
      ),
    );
    const staging = join(host.berth.root, "import");
    assert.ok(
      await eventually("nothing of it is on the disk", async () => (await readdir(staging)).length === 0),
    );
  });

  test("an export of some platforms has their index with these images, which another namespace imports", async () => {
    const platforms = ["arm64", "ppc64le", "s390x"].map((architecture) => ({ os: "linux", architecture }));
    const images = platforms.map(async (each) => [await imageOf({ platform: each }), each] as const);
    const index = indexOf(await Promise.all(images));
    await using server = await startFakeRegistry({ "app:v1": index });
    const name = `${server.host}/app:v1`;
    const [arm64, power] = platforms.map((each) => containerd.types.Platform.fromPartial(each));
    assert.ok(arm64 !== undefined && power !== undefined);
    // The third one is missing.
    await transfer("several", registry(name), imageStore({ name, platforms: [arm64, power] }));
    const archive = await save("several", [name], { platforms: [arm64, power] });
    await load("received", archive, { extraReferences: [prefix], platforms: [arm64, power] });
    assert.deepEqual(await names("received"), [[name, index.target.digest]]);
    // Also for a single one, so that it keeps the digest that clients know.
    const one = await save("several", [name], { platforms: [arm64] });
    await load("received-one", one, { extraReferences: [prefix], platforms: [arm64] });
    assert.deepEqual(await names("received-one"), [[name, index.target.digest]]);
  });

  test("an import whose client disconnects leaves nothing that is not collected", async () => {
    const image = await imageOf({
      platform,
      layers: [[{ name: "random", content: randomBytes(4 * 1024 * 1024) }]],
    });
    const archive = await layoutOf(image, { "org.opencontainers.image.ref.name": "latest" });
    for (const goes of ["call", "stream"] as const) {
      const namespace = `import-${goes}`;
      await using stream = await openStream(host.clients, namespace, "s");
      const ended = Promise.withResolvers<unknown>();
      const { raw, metadata } = host.clients.in(namespace);
      const store = imageStore({ extraReferences: [prefix], unpacks, platforms: [here] });
      const request = { source: archiveFrom("s"), destination: store, options: undefined };
      const call = raw.transfer.transfer(request, metadata, (error) => ended.resolve(error));
      await stream.sendPart(archive.subarray(0, archive.length / 2));
      if (goes === "call") call.cancel();
      else await stream[Symbol.asyncDispose]();
      assert.notEqual(await ended.promise, null);
      assert.deepEqual(await names(namespace), []);
      assert.deepEqual(await leftBehind(host.berth, host.clients, namespace), []);
    }
  });

  test("an export whose client disconnects leaves only its source", async () => {
    const image = await imageOf({
      platform,
      layers: [[{ name: "random", content: randomBytes(4 * 1024 * 1024) }]],
    });
    await using server = await startFakeRegistry({ "app:v1": image });
    const name = `${server.host}/app:v1`;
    for (const goes of ["call", "stream"] as const) {
      const namespace = `export-${goes}`;
      await transfer(namespace, registry(name), imageStore({ name }));
      await using stream = await openStream(host.clients, namespace, "s");
      const ended = Promise.withResolvers<unknown>();
      const { raw, metadata } = host.clients.in(namespace);
      const request = { source: imageStore({ name }), destination: archiveTo("s"), options: undefined };
      const call = raw.transfer.transfer(request, metadata, (error) => ended.resolve(error));
      await stream.receiveBytes(1024 * 1024);
      if (goes === "call") call.cancel();
      else await stream[Symbol.asyncDispose]();
      assert.notEqual(await ended.promise, null);
      const left = await leftBehind(host.berth, host.clients, namespace);
      assert.deepEqual(left, [...image.blobs.keys()].sort());
      assert.deepEqual(await names(namespace), [[name, image.target.digest]]);
    }
  });

  test("unsupported options of archives are rejected by name", async () => {
    await using stream = await openStream(host.clients, "refused", "s");
    assert.equal(stream.acknowledged, "google.protobuf.Empty");
    const store = imageStore({ extraReferences: [prefix] });
    await assert.rejects(transfer("refused", archiveFrom("none"), store), { code: status.NOT_FOUND });
    await assert.rejects(transfer("refused", imageStore({ name: "absent" }), archiveTo("none")), {
      code: status.NOT_FOUND,
    });
    await using other = await openStream(host.clients, "refused", "t");
    assert.equal(other.acknowledged, "google.protobuf.Empty");
    await assert.rejects(transfer("refused", imageStore({ name: "absent" }), archiveTo("t")), {
      code: status.NOT_FOUND,
      details: /"absent"/,
    });
  });
});
