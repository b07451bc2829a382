import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { mountSnapshot, unmount } from "../../../ground/linux/index.ts";
import { digestOf, mediaType } from "../../../parts/oci/index.ts";
import { artifactOf, filesArtifact } from "../../../testing/artifacts.ts";
import { startFakeRegistry } from "../../../testing/fake-registry.ts";
import { imageOf, indexOf, type TestImage } from "../../../testing/images.ts";
import type { Image } from "../index.ts";
import { openStack, type StackOptions, type TestStack } from "../testing/stack.ts";

/** A stack, and a registry that serves each artifact under its name. */
async function setting(artifacts: Readonly<Record<string, TestImage>>, options: StackOptions = {}) {
  await using undo = new AsyncDisposableStack();
  const names = Object.entries(artifacts).map(([name, artifact]) => [`${name}:1`, artifact] as const);
  const registry = undo.use(await startFakeRegistry(Object.fromEntries(names)));
  const stack = undo.use(await openStack(options));
  const held = undo.move();
  return {
    stack,
    reference: (name: string) => `${registry.host}/${name}:1`,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Mounts it as a volume is mounted. */
async function inVolume<T>(
  { images, snapshotter, root }: TestStack,
  image: Image,
  look: (path: string) => Promise<T>,
): Promise<T> {
  const key = randomUUID();
  const target = join(root, "volumes", key);
  await mkdir(target, { recursive: true });
  await images.prepareVolume(image, key);
  await mountSnapshot(snapshotter.mounts(key), target);
  try {
    return await look(target);
  } finally {
    await unmount(target);
    await snapshotter.remove(key);
  }
}

const filesIn = async (path: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(path, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(async ({ parentPath, name }) => {
          const file = join(parentPath, name);
          return [file.slice(path.length + 1), await readFile(file, "utf8")] as const;
        }),
    ),
  );

for (const kind of ["overlayfs", "erofs", "native"] as const) {
  describe(`an artifact as a volume, with ${kind}`, () => {
    test("has its files under their titles, readable by everybody and writable by nobody", async () => {
      const files = { "model.bin": "weights", "./conf/a/settings.json": "{}", "conf/b": "same", b: "same" };
      await using set = await setting({ files: filesArtifact(files) }, { kind });
      const image = await set.stack.images.pull({ reference: set.reference("files") });
      await inVolume(set.stack, image, async (path) => {
        const expected = {
          "model.bin": "weights",
          "conf/a/settings.json": "{}",
          "conf/b": "same",
          b: "same",
        };
        assert.deepEqual(await filesIn(path), expected);
        const modes = await Promise.all(
          ["model.bin", "conf", "."].map(async (name) => (await stat(join(path, name))).mode & 0o777),
        );
        assert.deepEqual(modes, [0o644, 0o755, 0o755]);
        await assert.rejects(mkdir(join(path, "new")), { code: "EROFS" });
      });
    });

    test("stays as long as it has a name, and is removed with its name", async () => {
      await using set = await setting({ files: filesArtifact({ a: "1" }) }, { kind });
      const { images, snapshotter, content } = set.stack;
      const image = await images.pull({ reference: set.reference("files") });
      await images.collectGarbage();
      await inVolume(set.stack, image, async (path) => assert.deepEqual(await filesIn(path), { a: "1" }));
      const pruned = await images.prune({ which: "all", isUsed: () => false });
      assert.deepEqual(
        pruned.images.map(({ id }) => id),
        [image.id],
      );
      assert.ok(pruned.reclaimedBytes > 0);
      assert.deepEqual([images.list(), snapshotter.list(), content.list()], [[], [], []]);
    });
  });
}

test("artifacts with the same empty config are distinct", async () => {
  const artifacts = { one: filesArtifact({ a: "1" }), two: filesArtifact({ a: "2" }) };
  await using set = await setting(artifacts);
  const { images } = set.stack;
  const [one, two] = [
    await images.pull({ reference: set.reference("one") }),
    await images.pull({ reference: set.reference("two") }),
  ];
  assert.deepEqual([one.id, two.id], [artifacts.one.target.digest, artifacts.two.target.digest]);
  await images.remove(one.id);
  await images.collectGarbage();
  await inVolume(set.stack, two, async (path) => assert.deepEqual(await filesIn(path), { a: "2" }));
});

for (const type of [
  "application/vnd.in-toto+json",
  "application/vnd.dsse.envelope.v1+json",
  "application/vnd.dev.cosign.simplesigning.v1+json",
])
  test(`a file without a title is named after its digest, as is a statement about an image, which has an image's config: ${type}`, async () => {
    const statement = Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}');
    const attestation = artifactOf({
      configType: mediaType.ociConfig,
      layers: [{ mediaType: type, bytes: statement }],
    });
    await using set = await setting({ attestation });
    const image = await set.stack.images.pull({ reference: set.reference("attestation") });
    assert.equal(image.artifact?.type, type);
    await inVolume(set.stack, image, async (path) =>
      assert.deepEqual(await filesIn(path), {
        [digestOf(statement).replace(":", "-")]: statement.toString("utf8"),
      }),
    );
  });

test("an artifact may have an image's config that has only a platform, as oras writes it", async () => {
  const config = { architecture: "amd64", os: "windows", "os.version": "10.0.17763.1234", variant: "v8" };
  const artifact = artifactOf({
    configType: mediaType.ociConfig,
    config,
    artifactType: "application/vnd.example",
    layers: [{ mediaType: mediaType.ociLayer, bytes: Buffer.from("text"), title: "a" }],
  });
  await using set = await setting({ artifact });
  const image = await set.stack.images.pull({ reference: set.reference("artifact") });
  assert.equal(image.artifact?.type, "application/vnd.example");
  await inVolume(set.stack, image, async (path) => assert.deepEqual(await filesIn(path), { a: "text" }));
});

test("only the artifact for this machine is taken from an index", async () => {
  const amd64 = { os: "linux", architecture: "amd64" };
  const arm64 = { os: "linux", architecture: "arm64" };
  const [own, other] = [filesArtifact({ a: "amd64" }), filesArtifact({ a: "arm64" })];
  await using set = await setting({
    index: indexOf([
      [other, arm64],
      [own, amd64],
    ]),
  });
  const { images, content } = set.stack;
  const image = await images.pull({ reference: set.reference("index") });
  assert.equal(image.id, own.target.digest);
  assert.ok(!content.has(other.target.digest));
  await images.collectGarbage();
  await inVolume(set.stack, image, async (path) => assert.deepEqual(await filesIn(path), { a: "amd64" }));
});

test("an artifact that cannot be mounted is refused before its files are fetched, but can still be stored", async () => {
  const long = "x".repeat(256);
  const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [
      { "../up": "1" },
      /the title "\.\.\/up" of sha256:\w+ cannot be a file's path: "\.\." is not a valid file name/,
    ],
    [{ "a/../../up": "1" }, /"\.\." is not a valid file name/],
    [{ "/etc/passwd": "1" }, /it is absolute/],
    [{ "a//b": "1" }, /"" is not a valid file name/],
    [{ "a/": "1" }, /"" is not a valid file name/],
    [{ ".": "1" }, /it names no file/],
    [{ "a\0b": "1" }, /zero byte/],
    [{ [long]: "1" }, /more than 255 bytes/],
    [{ [`${"d/".repeat(2000)}f`]: "1" }, /more than 3072 bytes/],
    [{ a: "1", "a/b": "2" }, /the title "a" of .* is also the title of another file/],
    [{ "./a": "1", a: "2" }, /the title "a" of .* is also the title of another file/],
    [{ a: "1", b: "2", c: "3" }, /it has 3 files, at most 2 can be mounted; images\.artifact_max_files/],
    [{ a: "12345678901" }, /it has 11 bytes, at most 10 can be mounted; images\.artifact_max_bytes/],
  ];
  const artifacts = Object.fromEntries(
    cases.map(([files], index) => [`odd${index}`, filesArtifact(files)] as const),
  );
  await using set = await setting(artifacts, { artifactLimits: { maxFiles: 2, maxBytes: 10 } });
  const { images, content, snapshotter } = set.stack;
  for (const [index, [, message]] of cases.entries())
    await assert.rejects(images.pull({ reference: set.reference(`odd${index}`) }), { message });
  assert.deepEqual(content.list(), []);
  for (const [index, [, message]] of cases.entries()) {
    const { id } = await images.pullAny({ reference: set.reference(`odd${index}`) });
    const image = images.find(id);
    assert.ok(image !== undefined);
    await assert.rejects(images.prepareVolume(image, "volume"), { message });
  }
  assert.deepEqual(snapshotter.list(), []);
});

test("no container is created from an artifact", async () => {
  await using set = await setting({ files: filesArtifact({ a: "1" }), app: await imageOf() });
  const { images } = set.stack;
  const image = await images.pull({ reference: set.reference("files") });
  await assert.rejects(images.prepareRootfs(image, "container"), {
    code: "FailedPrecondition",
    message: /files:1 is not a container image but an artifact of type "application\/vnd\.example\.files"/,
  });
});
