import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { BerthError } from "../../ground/errors/index.ts";
import { type Digest, digestOf, mediaType } from "../../parts/oci/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, indexOf, type TestImage } from "../../testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import type { Image, PullProgress } from "./index.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const run = promisify(execFile);
const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;

/** Three layers: one adds, one changes, one takes away. */
const layers = [
  [
    { name: "etc/", type: "directory" as const, mode: 0o755 },
    { name: "etc/kept", content: "kept" },
    { name: "etc/changed", content: "old" },
    { name: "etc/removed", content: "removed" },
    { name: "opaque/", type: "directory" as const, mode: 0o755 },
    { name: "opaque/hidden", content: "hidden" },
  ],
  [{ name: "etc/changed", content: "new" }],
  [
    { name: "etc/.wh.removed" },
    { name: "opaque/", type: "directory" as const, mode: 0o755 },
    { name: "opaque/.wh..wh..opq" },
    { name: "opaque/shown", content: "shown" },
  ],
];

function configDigest(image: TestImage): Digest {
  for (const [digest, { mediaType: type }] of image.blobs) {
    if (type === mediaType.ociConfig || type === mediaType.dockerConfig) return digest;
  }
  throw new Error("no config");
}

async function checkTree(root: string): Promise<void> {
  assert.deepEqual((await readdir(join(root, "etc"))).sort(), ["changed", "kept"]);
  assert.equal(await readFile(join(root, "etc/changed"), "utf8"), "new");
  assert.deepEqual(await readdir(join(root, "opaque")), ["shown"]);
}

describe("pull", () => {
  let server: TestRegistry;
  let stack: TestStack;
  before(async () => {
    server = await startRegistry();
    stack = await openStack();
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  for (const format of ["oci", "docker"] as const) {
    for (const compression of ["gzip", "zstd", "none"] as const) {
      test(`unpacks an image in the format ${format} with layers compressed with ${compression}`, async () => {
        const pushed = await imageOf({
          format,
          compression,
          layers,
          config: { User: `${format}-${compression}` },
        });
        await pushImage(server, `${format}-${compression}`, "v1", pushed);
        const image = await stack.images.pull({ reference: `${server.host}/${format}-${compression}:v1` });
        assert.equal(image.id, configDigest(pushed));
        assert.deepEqual(image.repoTags, [`${server.host}/${format}-${compression}:v1`]);
        assert.deepEqual(image.repoDigests, [
          `${server.host}/${format}-${compression}@${pushed.target.digest}`,
        ]);
        assert.equal(image.config.config.user, `${format}-${compression}`);
        await stack.inRootfs(image, checkTree);
      });
    }
  }

  test("works with a snapshotter that cannot rebase", async () => {
    await using native = await openStack({ kind: "native" });
    await pushImage(server, "native", "v1", await imageOf({ layers }));
    const image = await native.images.pull({ reference: `${server.host}/native:v1` });
    await native.inRootfs(image, checkTree);
  });

  test("chooses the host's image from an index, even if an entry has no platform", async () => {
    const [amd64, arm64] = await Promise.all([
      imageOf({ platform: { os: "linux", architecture: "amd64" } }),
      imageOf({ platform: { os: "linux", architecture: "arm64" } }),
    ]);
    const platform = (architecture: string) => ({ os: "linux", architecture });
    const named = indexOf([
      [arm64, platform("arm64")],
      [amd64, platform("amd64")],
    ]);
    const unnamed = indexOf([
      [arm64, undefined],
      [amd64, undefined],
    ]);
    for (const [name, index] of Object.entries({ named, unnamed, nested: indexOf([[named, undefined]]) })) {
      await pushImage(server, name, "v1", index);
      const image = await stack.images.pull({ reference: `${server.host}/${name}:v1` });
      assert.equal(image.id, configDigest(amd64), name);
      assert.ok(image.repoDigests.includes(`${server.host}/${name}@${index.target.digest}`));
    }
    await pushImage(server, "foreign", "v1", indexOf([[arm64, platform("arm64")]]));
    const pulling = stack.images.pull({ reference: `${server.host}/foreign:v1` });
    await assert.rejects(pulling, (error) => {
      assert.match(String(error), /no manifest for linux\/amd64; it is available for linux\/arm64/);
      return hasCode("NotFound")(error);
    });
  });

  test("by digest names the image only by its digest", async () => {
    const pushed = await imageOf({ config: { User: "by-digest" } });
    await pushImage(server, "by-digest", "v1", pushed);
    const name = `${server.host}/by-digest@${pushed.target.digest}`;
    const image = await stack.images.pull({
      reference: `${server.host}/by-digest:v1@${pushed.target.digest}`,
    });
    assert.deepEqual(image.repoTags, []);
    assert.deepEqual(image.repoDigests, [name]);
    assert.equal(stack.images.find(name)?.id, image.id);
  });

  test("of an image that is here downloads nothing, and moves a tag that has moved", async () => {
    const reference = `${server.host}/moving:v1`;
    const [first, second] = [
      await imageOf({ config: { User: "1" } }),
      await imageOf({ config: { User: "2" } }),
    ];
    await pushImage(server, "moving", "v1", first);
    const before = await stack.images.pull({ reference });
    const seen: PullProgress[] = [];
    const again = await stack.images.pull({ reference, onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(again, before);
    assert.deepEqual(
      seen.map((progress) => (progress.kind === "layer" ? progress.state : progress.kind)),
      ["resolved", "exists"],
    );
    await pushImage(server, "moving", "v1", second);
    const after = await stack.images.pull({ reference });
    assert.equal(after.id, configDigest(second));
    assert.deepEqual(stack.images.find(before.id)?.repoTags, []);
    assert.deepEqual(stack.images.find(before.id)?.repoDigests, before.repoDigests);
  });

  test("of an image that is here records the size of its manifest, whatever an answer to HEAD says", async () => {
    const image = await imageOf({ config: { User: "head" } });
    await using proxy = await startFakeRegistry({ "app:v1": image }, ({ method }, response) => {
      if (method !== "HEAD") return false;
      const { mediaType: type, digest } = image.target;
      response.writeHead(200, { "content-type": type, "docker-content-digest": digest, "content-length": 0 });
      response.end();
      return true;
    });
    const reference = `${proxy.host}/app:v1`;
    for (let time = 0; time < 2; time++) await stack.images.pull({ reference });
    assert.equal(stack.imageNames.get(reference)?.target.size, image.target.size);
  });

  test("reports every layer until it is done", async () => {
    const pushed = await imageOf({
      layers: [[{ name: "a", content: Buffer.alloc(2_000_000, "berth") }], [{ name: "b", content: "b" }]],
    });
    await pushImage(server, "progress", "v1", pushed);
    const seen: PullProgress[] = [];
    const image = await stack.images.pull({
      reference: `${server.host}/progress:v1`,
      onProgress: (progress) => seen.push(progress),
    });
    assert.deepEqual(seen[0], { kind: "resolved", layers: image.layers });
    for (const { digest, size } of image.layers) {
      const last = seen.findLast((progress) => progress.kind === "layer" && progress.digest === digest);
      assert.deepEqual(last, { kind: "layer", digest, state: "done", receivedBytes: size, totalBytes: size });
    }
  });

  test("of an image that umoci built and skopeo pushed works", async () => {
    const layout = join(stack.root, "umoci");
    await run("umoci", ["init", "--layout", layout]);
    await run("umoci", ["new", "--image", `${layout}:v1`]);
    await run("umoci", ["insert", "--image", `${layout}:v1`, join(stack.root, "metadata.db"), "/copied"]);
    await run("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      "--insecure-policy",
      `oci:${layout}:v1`,
      `docker://${server.host}/umoci:v1`,
    ]);
    const image = await stack.images.pull({ reference: `${server.host}/umoci:v1` });
    const { stdout } = await run("skopeo", [
      "inspect",
      "--tls-verify=false",
      "--raw",
      `docker://${server.host}/umoci:v1`,
    ]);
    assert.equal(image.manifest.digest, digestOf(Buffer.from(stdout)));
    await stack.inRootfs(image, async (root) => assert.ok((await readdir(root)).includes("copied")));
  });

  test("protects its content with labels, and leaves no lease", async () => {
    const pushed = await imageOf({ config: { User: "labels" } });
    await pushImage(server, "labels", "v1", pushed);
    const image = await stack.images.pull({ reference: `${server.host}/labels:v1` });
    const labels = stack.content.info(image.manifest.digest).labels;
    assert.equal(labels["containerd.io/gc.ref.content.config"], image.id);
    assert.equal(labels["containerd.io/gc.ref.content.l.0"], image.layers[0]?.digest);
    assert.equal(
      stack.content.info(image.id).labels["containerd.io/gc.ref.snapshot.overlayfs"],
      image.chainId,
    );
    assert.deepEqual(stack.leases.list(), []);
    assert.deepEqual(await stack.content.ingests(), []);
  });

  test("survives a restart", async () => {
    await using directory = await tempDir();
    const pullOnce = async (): Promise<Image> => {
      await using first = await openStack({ root: directory.path });
      await pushImage(server, "restart", "v1", await imageOf({ layers }));
      return await first.images.pull({ reference: `${server.host}/restart:v1` });
    };
    const image = await pullOnce();
    await using second = await openStack({ root: directory.path });
    assert.deepEqual(second.images.list(), [image]);
    await second.inRootfs(image, checkTree);
  });

  test("refuses unsupported layers by name", async () => {
    const base = await imageOf();
    const manifestOf = (image: TestImage): Record<string, unknown> =>
      JSON.parse(Buffer.from(image.blobs.get(image.target.digest)?.bytes ?? []).toString()) as Record<
        string,
        unknown
      >;
    const changed = (change: Record<string, unknown>): TestImage => {
      const bytes = Buffer.from(JSON.stringify({ ...manifestOf(base), ...change }));
      const target = { ...base.target, digest: digestOf(bytes), size: bytes.length };
      return {
        target,
        blobs: new Map([...base.blobs, [target.digest, { mediaType: target.mediaType, bytes }]]),
      };
    };
    const { layers: plain } = manifestOf(base) as { layers: readonly object[] };
    const cases: readonly (readonly [TestImage, RegExp])[] = [
      [
        changed({
          layers: plain.map((layer) => ({ ...layer, mediaType: `${mediaType.ociLayerGzip}+encrypted` })),
        }),
        /encrypted/,
      ],
      [changed({ layers: [] }), /0 layers, the config 1 diff_ids/],
      [
        changed({ layers: Array.from({ length: 501 }, () => plain[0]) }),
        /the image has 501 layers, at most 500 can be mounted/,
      ],
    ];
    for (const [index, [image, why]] of cases.entries()) {
      await pushImage(server, "odd", `v${index}`, image);
      await assert.rejects(stack.images.pull({ reference: `${server.host}/odd:v${index}` }), why);
    }
  });
});
