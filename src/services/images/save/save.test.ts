import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { BerthError } from "../../../ground/errors/index.ts";
import { digestHex, digestOf } from "../../../parts/oci/index.ts";
import { artifactOf } from "../../../testing/artifacts.ts";
import { erofsLayer, imageWith } from "../../../testing/erofs-layers.ts";
import { imageOf, indexOf, type TestImage } from "../../../testing/images.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import type { SaveRequest } from "../index.ts";
import { openStack, type TestStack } from "../testing/stack.ts";

const run = promisify(execFile);
const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const hello = (content: string, platform = amd64) =>
  imageOf({ platform, layers: [[{ name: "base", content: "base" }], [{ name: "hello", content }]] });

/** Brings in an image as another client would. */
async function store({ content, imageNames }: TestStack, name: string, image: TestImage): Promise<void> {
  for (const [digest, { bytes }] of image.blobs) await content.put(bytes, { digest });
  await imageNames.create({ name, target: image.target });
}

async function storeImage(stack: TestStack, name: string, image: TestImage): Promise<void> {
  await store(stack, name, image);
  await until(() => stack.images.find(name) !== undefined);
}

async function save(stack: TestStack, path: string, request: Partial<SaveRequest>): Promise<void> {
  const never = new AbortController().signal;
  await using archive = await stack.images.save({ images: [], format: "oci", ...request }, never);
  await pipeline(archive.bytes, createWriteStream(path));
}

async function rawDigest(source: string): Promise<string> {
  const { stdout } = await run("skopeo", ["inspect", "--raw", source], { encoding: "buffer" });
  return digestOf(stdout);
}

async function inspected(
  source: string,
): Promise<{ readonly Digest: string; readonly Layers: readonly string[] }> {
  return JSON.parse((await run("skopeo", ["inspect", source])).stdout);
}

describe("an archive of images", () => {
  test("in docker's format cannot hold EROFS layers, one in OCI's can", async () => {
    await using directory = await tempDir();
    await using stack = await openStack({ kind: "erofs" });
    const made = imageWith([await erofsLayer((tree) => writeFile(join(tree, "hello"), "hello"))]);
    await storeImage(stack, "registry.example/native:v1", made);
    const path = join(directory.path, "images.tar");
    const images = ["registry.example/native:v1"];
    await assert.rejects(save(stack, path, { images, format: "docker" }), {
      code: "FailedPrecondition",
      message: /cannot be saved in a docker archive; save it as an OCI archive/,
    });
    await save(stack, path, { images });
    assert.equal(await rawDigest(`oci-archive:${path}`), made.target.digest);
    const { stdout } = await run("tar", ["-tf", path]);
    assert.ok(!stdout.split("\n").includes("manifest.json"), "a list of docker's, which would be read first");
  });

  test("of several images is read by skopeo with equal digests, and imported again with its names", async () => {
    await using directory = await tempDir();
    await using stack = await openStack();
    const [one, two] = [await hello("one"), await hello("two")];
    await storeImage(stack, "registry.example/one:v1", one);
    await storeImage(stack, "docker.io/library/two:latest", two);
    const path = join(directory.path, "images.tar");
    await save(stack, path, { images: ["registry.example/one:v1", "two"] });
    assert.equal(await rawDigest(`oci-archive:${path}:v1`), one.target.digest);
    assert.equal(await rawDigest(`oci-archive:${path}:latest`), two.target.digest);
    const docker = await inspected(`docker-archive:${path}:two`);
    assert.equal(docker.Layers.length, 2);
    await using other = await openStack();
    const loaded = await other.images.importArchive(path);
    assert.deepEqual(
      loaded.map(({ id, repoTags }) => [repoTags, other.images.find(id)?.manifest.digest]),
      [
        [["registry.example/one:v1"], one.target.digest],
        [["docker.io/library/two:latest"], two.target.digest],
      ],
    );
    assert.deepEqual(stack.leases.held(), []);
  });

  test("has the same bytes each time, and shared content only once", async () => {
    await using directory = await tempDir();
    await using stack = await openStack();
    const [one, two] = [await hello("one"), await hello("two")];
    await storeImage(stack, "registry.example/app:v1", one);
    await storeImage(stack, "registry.example/app:v2", two);
    const images = ["registry.example/app:v1", "registry.example/app:v2"];
    const paths = ["a", "b"].map((name) => join(directory.path, name));
    for (const path of paths) await save(stack, path, { images });
    const [a, b] = await Promise.all(paths.map((path) => readFile(path)));
    assert.ok(a?.equals(b ?? Buffer.of()));
    const { stdout } = await run("tar", ["-tf", paths[0] ?? ""]);
    const files = stdout
      .trim()
      .split("\n")
      .filter((name) => /^blobs\/sha256\/./.test(name));
    const digests = new Set([...one.blobs.keys(), ...two.blobs.keys()]);
    assert.deepEqual(files.sort(), [...digests].map((digest) => `blobs/sha256/${digestHex(digest)}`).sort());
  });

  test("in docker's format is read by skopeo and by berth", async () => {
    await using directory = await tempDir();
    await using stack = await openStack();
    await storeImage(stack, "registry.example/app:v1", await hello("docker"));
    const path = join(directory.path, "docker.tar");
    await save(stack, path, { images: ["registry.example/app:v1"], format: "docker" });
    assert.equal((await inspected(`docker-archive:${path}`)).Layers.length, 2);
    await assert.rejects(rawDigest(`oci-archive:${path}`));
    await using other = await openStack();
    const [image] = await other.images.importArchive(path);
    assert.equal(image?.id, stack.images.list()[0]?.id);
    assert.deepEqual(image?.repoTags, ["registry.example/app:v1"]);
  });

  test("holds the image of one platform, or the index with all", async () => {
    await using directory = await tempDir();
    await using stack = await openStack();
    const [ours, other] = [await hello("ours"), await hello("other", arm64)];
    const index = indexOf([
      [ours, amd64],
      [other, arm64],
    ]);
    await storeImage(stack, "registry.example/app:v1", index);
    const digest = async (platform?: SaveRequest["platform"]) => {
      const path = join(directory.path, "platform.tar");
      const images = ["registry.example/app:v1"];
      await save(stack, path, { images, ...(platform === undefined ? {} : { platform }) });
      return await rawDigest(`oci-archive:${path}`);
    };
    assert.equal(await digest(), ours.target.digest);
    assert.equal(await digest(arm64), other.target.digest);
    assert.equal(await digest("all"), index.target.digest);
    await assert.rejects(digest({ os: "linux", architecture: "s390x" }), hasCode("NotFound"));
    const layer = [...other.blobs.keys()].find((blob) => !ours.blobs.has(blob));
    assert.ok(layer);
    await stack.content.delete(layer);
    await assert.rejects(digest("all"), hasCode("FailedPrecondition"));
  });

  test("holds an index with the images of several platforms, without the others", async () => {
    await using directory = await tempDir();
    await using stack = await openStack();
    const power = { os: "linux", architecture: "ppc64le" };
    const [ours, other, absent] = [await hello("ours"), await hello("other", arm64), await hello("3", power)];
    const index = indexOf([
      [ours, amd64],
      [other, arm64],
      [absent, power],
    ]);
    await storeImage(stack, "registry.example/app:v1", index);
    // It is no part of what is asked for, and may be missing.
    await stack.content.delete(absent.target.digest);
    const path = join(directory.path, "platforms.tar");
    await save(stack, path, { images: ["registry.example/app:v1"], platform: [arm64, amd64] });
    const { stdout } = await run("tar", ["-tf", path]);
    const held = new Set(stdout.split("\n").filter((name) => /^blobs\/sha256\/./.test(name)));
    const blobs = [...ours.blobs.keys(), ...other.blobs.keys(), index.target.digest];
    assert.deepEqual(held, new Set(blobs.map((digest) => `blobs/${digest.replace(":", "/")}`)));
    const { stdout: layout } = await run("tar", ["-xOf", path, "index.json"]);
    assert.deepEqual(
      JSON.parse(layout).manifests.map(({ digest }: { digest: string }) => digest),
      [index.target.digest],
    );
    await using elsewhere = await openStack();
    const [image] = await elsewhere.images.importArchive(path);
    assert.deepEqual(image?.repoTags, ["registry.example/app:v1"]);
  });

  test("does not name an image that was requested by id, and holds artifacts by their names", async () => {
    await using directory = await tempDir();
    await using stack = await openStack();
    await storeImage(stack, "registry.example/app:v1", await hello("by id"));
    const artifact = artifactOf({ layers: [{ mediaType: "text/plain", bytes: Buffer.from("hello") }] });
    await store(stack, "registry.example/notes:v1", artifact);
    const id = stack.images.list()[0]?.id ?? "";
    const request: SaveRequest = { images: [id, "registry.example/notes:v1"], format: "oci" };
    await using archive = await stack.images.save(request, new AbortController().signal);
    assert.deepEqual(
      archive.images.map(({ name }) => name),
      [undefined, "registry.example/notes:v1"],
    );
    const path = join(directory.path, "images.tar");
    await pipeline(archive.bytes, createWriteStream(path));
    assert.equal(await rawDigest(`oci-archive:${path}:v1`), artifact.target.digest);
    await assert.rejects(
      save(stack, path, { images: ["registry.example/notes:v1"], format: "docker" }),
      hasCode("FailedPrecondition"),
    );
  });

  test("keeps its content until it is read or given up, and reports missing content first", async () => {
    await using stack = await openStack();
    const image = await hello("held");
    await storeImage(stack, "registry.example/app:v1", image);
    const stop = new AbortController();
    {
      const request: SaveRequest = { images: ["registry.example/app:v1"], format: "oci" };
      await using archive = await stack.images.save(request, stop.signal);
      await stack.imageNames.delete(["registry.example/app:v1"]);
      await stack.images.collectGarbage();
      assert.equal(stack.content.list().length, image.blobs.size);
      const bytes = archive.bytes[Symbol.asyncIterator]();
      await bytes.next();
      stop.abort();
      await assert.rejects(async () => {
        for (let more = true; more; ) more = (await bytes.next()).done !== true;
      });
    }
    assert.deepEqual(stack.leases.held(), []);
    await stack.images.collectGarbage();
    await assert.rejects(
      stack.images.save({ images: ["registry.example/app:v1"], format: "oci" }, stop.signal),
      hasCode("NotFound"),
    );
    await storeImage(stack, "registry.example/app:v1", image);
    const [layer] = stack.images.list()[0]?.layers ?? [];
    assert.ok(layer);
    await stack.content.delete(layer.digest);
    await assert.rejects(
      stack.images.save({ images: ["registry.example/app:v1"], format: "oci" }, stop.signal),
      (error) => hasCode("FailedPrecondition")(error) && String(error).includes(layer.digest),
    );
    assert.deepEqual(stack.leases.list(), []);
  });
});
