import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { BerthError } from "../../ground/errors/index.ts";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { digestHex, digestOf, mediaType } from "../../parts/oci/index.ts";
import { filesArtifact } from "../../testing/artifacts.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { imageOf, indexOf, type TestEntry, type TestImage, tarOf } from "../../testing/images.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const run = promisify(execFile);
const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;

/** The files of an OCI layout with these images. */
function layoutOf(
  images: readonly (readonly [TestImage, Readonly<Record<string, string>>])[],
): readonly TestEntry[] {
  const manifests = images.map(([{ target }, annotations]) => ({ ...target, annotations }));
  const blobs = new Map(images.flatMap(([image]) => [...image.blobs]));
  return [
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    {
      name: "index.json",
      content: JSON.stringify({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests }),
    },
    ...[...blobs].map(([digest, { bytes }]) => ({
      name: `blobs/sha256/${digestHex(digest)}`,
      content: bytes,
    })),
  ];
}

const amd64 = { os: "linux", architecture: "amd64" };
const named = (name: string): Readonly<Record<string, string>> => ({ "io.containerd.image.name": name });

test("an import from a file system that does not answer is given up, and no layer thread waits for it", async () => {
  await using mountPoint = await tempDir();
  await using stack = await openStack({
    hostPaths: new HostPaths({ perFileSystem: 2, slowMs: 50, answerMs: 5_000 }),
  });
  await using dead = await deadFileSystem(mountPoint.path);
  // One more and no thread would be free for others, if these went to the threads for layers.
  const imports = Array.from({ length: 16 }, (_, n) =>
    stack.images.importArchive(join(dead.path, `${n}.tar`)),
  );
  for (const outcome of await Promise.allSettled(imports)) {
    assert.equal(outcome.status, "rejected");
    assert.ok(hasCode("Unavailable")(outcome.reason), String(outcome.reason));
  }
  await using directory = await tempDir();
  const path = join(directory.path, "layout.tar");
  await writeFile(path, await tarOf(layoutOf([[await imageOf(), named("example.com/f:v1")]])));
  assert.deepEqual((await stack.images.importArchive(path))[0]?.repoTags, ["example.com/f:v1"]);
});

test("a path that is neither a regular file nor a directory is refused without waiting for it", async () => {
  await using directory = await tempDir();
  await using stack = await openStack();
  const path = join(directory.path, "fifo");
  await run("mkfifo", [path]);
  await assert.rejects(stack.images.importArchive(path), /fifo: neither a file nor a directory/);
});

test("of several entries of an archive with one name the last counts, and blobs are found by their digest", async () => {
  const [one, two] = [await imageOf(), await imageOf({ layers: [[{ name: "two", content: "two" }]] })];
  const layer = [...two.blobs.keys()].map((digest) => `blobs/sha256/${digestHex(digest)}`);
  const entries = [
    ...layoutOf([[one, named("example.com/one:v1")]]),
    ...layoutOf([[two, named("example.com/two:v1")]]),
    ...layer.map((name) => ({ name, content: "damaged" })),
  ];
  await using directory = await tempDir();
  await using stack = await openStack();
  const path = join(directory.path, "twice.tar");
  await writeFile(path, await tarOf(entries));
  const images = await stack.images.importArchive(path);
  assert.deepEqual(
    images.map(({ repoTags }) => repoTags),
    [["example.com/two:v1"]],
  );
});

describe("import", () => {
  let stack: TestStack;
  let directory: Awaited<ReturnType<typeof tempDir>>;
  before(async () => {
    stack = await openStack();
    directory = await tempDir();
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  async function archive(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(directory.path, name);
    await writeFile(path, bytes);
    return path;
  }

  async function shows(
    loaded: Awaited<ReturnType<TestStack["images"]["importArchive"]>>[number] | undefined,
    content: string,
  ): Promise<void> {
    const image = stack.images.find(loaded?.id ?? "");
    assert.ok(image);
    await stack.inRootfs(image, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), content),
    );
  }

  const hello = (content: string): { layers: TestEntry[][] } => ({ layers: [[{ name: "hello", content }]] });

  test("reads the images of an OCI layout, as a directory or a tar, plain or compressed with gzip or zstd", async () => {
    const files = layoutOf([[await imageOf(hello("layout")), named("example.com/layout:v1")]]);
    const asDirectory = join(directory.path, "layout");
    for (const { name, content = "" } of files) {
      await mkdir(dirname(join(asDirectory, name)), { recursive: true });
      await writeFile(join(asDirectory, name), content);
    }
    const tar = await tarOf(files);
    const paths = [
      asDirectory,
      await archive("layout.tar", tar),
      await archive("layout.tar.gz", gzipSync(tar)),
      await archive("layout.of.no.such.name", zstdCompressSync(tar)),
    ];
    for (const path of paths) {
      const [image, ...others] = await stack.images.importArchive(path);
      assert.deepEqual(others, []);
      assert.deepEqual(image?.repoTags, ["example.com/layout:v1"]);
      await shows(image, "layout");
    }
    assert.deepEqual(await readdir(join(stack.root, "import")), []);
  });

  test("names a compression that it does not support", async () => {
    await run("xz", ["--keep", await archive("a.tar", await tarOf([]))]);
    const importing = stack.images.importArchive(join(directory.path, "a.tar.xz"));
    await assert.rejects(importing, (error) => {
      assert.match(String(error), /a\.tar\.xz: it is compressed with xz/);
      return hasCode("InvalidArgument")(error);
    });
  });

  test("takes names from the annotations, familiar ones included, and keeps images without a name by id", async () => {
    const image = await imageOf(hello("names"));
    const unnamed = await imageOf(hello("unnamed"));
    const files = layoutOf([
      [image, named("busybox:v1")],
      [image, { "org.opencontainers.image.ref.name": "example.com/other:v2" }],
      [unnamed, { "org.opencontainers.image.ref.name": "latest" }],
    ]);
    const [first, second] = await stack.images.importArchive(await archive("names.tar", await tarOf(files)));
    assert.deepEqual(first?.repoTags, ["docker.io/library/busybox:v1", "example.com/other:v2"]);
    assert.deepEqual([second?.repoTags, second?.repoDigests], [[], []]);
    assert.equal(stack.images.find(second?.id ?? "")?.id, second?.id);
  });

  test("takes a text that is no name for none, and only the image's own digest for one", async () => {
    const image = await imageOf(hello("called"));
    const load = async (annotations: Readonly<Record<string, string>>) =>
      await stack.images.importArchive(
        await archive("called.tar", await tarOf(layoutOf([[image, annotations]]))),
      );
    for (const text of ["Foo/Bar:1", "linux/AMD64"])
      for (const key of ["org.opencontainers.image.ref.name", "io.containerd.image.name"]) {
        const [loaded] = await load({ [key]: text });
        assert.deepEqual(loaded?.repoTags, []);
      }
    const own = `example.com/called@${image.target.digest}`;
    const [loaded] = await load(named(`example.com/called:v1@${image.target.digest}`));
    assert.deepEqual([loaded?.repoTags, loaded?.repoDigests], [[], [own]]);
    assert.equal(stack.images.find(own)?.id, loaded?.id);
    const claimed = `example.com/called@sha256:${"a".repeat(64)}`;
    await assert.rejects(load(named(claimed)), (error) => {
      assert.match(String(error), /gives sha256:[0-9a-f]+ the name of another digest, example\.com\/called@/);
      return hasCode("InvalidArgument")(error);
    });
    const config = { os: "linux", architecture: "amd64" };
    const entry = { Config: "config.json", RepoTags: [claimed], Layers: [] };
    const saved = [
      { name: "config.json", content: JSON.stringify(config) },
      { name: "manifest.json", content: JSON.stringify([entry]) },
    ];
    await assert.rejects(
      stack.images.importArchive(await archive("claimed.tar", await tarOf(saved))),
      hasCode("InvalidArgument"),
    );
    assert.equal(stack.images.find(claimed), undefined);
  });

  test("brings in artifacts as pulls do, also those that have no name", async () => {
    const image = await imageOf(hello("beside"));
    const [one, other] = ["one", "other"].map((content) => filesArtifact({ "file.txt": content }));
    assert.ok(one !== undefined && other !== undefined);
    const files = layoutOf([
      [one, named("example.com/art:v1")],
      [image, named("example.com/beside:v1")],
      [other, {}],
    ]);
    for (const allPlatforms of [false, true]) {
      await using fresh = await openStack();
      const path = await archive("artifacts.tar", await tarOf(files));
      const loaded = await fresh.images.importArchive(path, undefined, { allPlatforms });
      const beside = fresh.images.find("example.com/beside:v1")?.id;
      assert.deepEqual(
        loaded.map(({ id }) => id),
        [one.target.digest, beside, other.target.digest],
      );
      await fresh.images.collectGarbage();
      for (const digest of [...one.blobs.keys(), ...other.blobs.keys()])
        assert.ok(fresh.content.has(digest), digest);
      const manifests = await fresh.images.manifests();
      assert.equal(manifests.filter(({ kind }) => kind === "artifact").length, 2);
    }
  });

  test("keeps an index complete if all platforms are requested, which must then all be there", async () => {
    const arm64 = { os: "linux", architecture: "arm64" };
    const riscv = { os: "linux", architecture: "riscv64" };
    const foreign = indexOf([
      [await imageOf({ ...hello("arm"), platform: arm64 }), arm64],
      [await imageOf({ ...hello("riscv"), platform: riscv }), riscv],
    ]);
    const files = layoutOf([[foreign, named("example.com/foreign:v1")]]);
    const path = await archive("foreign.tar", await tarOf(files));
    await assert.rejects(stack.images.importArchive(path), hasCode("NotFound"));
    const [loaded] = await stack.images.importArchive(path, undefined, { allPlatforms: true });
    assert.deepEqual([loaded?.id, loaded?.repoTags], [foreign.target.digest, ["example.com/foreign:v1"]]);
    for (const digest of foreign.blobs.keys()) assert.ok(stack.content.has(digest), digest);
    const [last = { name: "" }] = files.filter(({ name }) => name.startsWith("blobs/")).toReversed();
    const without = await tarOf(files.filter((file) => file !== last));
    await using other = await openStack();
    const cut = other.images.importArchive(await archive("cut-index.tar", without), undefined, {
      allPlatforms: true,
    });
    await assert.rejects(cut, hasCode("InvalidArgument"));
  });

  test("returns an image with the names in the archive, without others that it has", async () => {
    const image = await imageOf(hello("two names"));
    for (const name of ["example.com/one:v1", "example.com/two:v1"]) {
      const path = await archive("one-name.tar", await tarOf(layoutOf([[image, named(name)]])));
      assert.deepEqual((await stack.images.importArchive(path))[0]?.repoTags, [name]);
    }
  });

  test("chooses this host's image from an index, and does not need the layers of the others", async () => {
    const mine = await imageOf(hello("amd64"));
    const arm = await imageOf({ ...hello("arm64"), platform: { os: "linux", architecture: "arm64" } });
    const index = indexOf([
      [arm, { os: "linux", architecture: "arm64" }],
      [mine, { os: "linux", architecture: "amd64" }],
    ]);
    const partial = {
      target: index.target,
      blobs: new Map([...index.blobs].filter(([digest]) => !arm.blobs.has(digest) || mine.blobs.has(digest))),
    };
    const [image] = await stack.images.importArchive(
      await archive("index.tar", await tarOf(layoutOf([[partial, named("example.com/index:v1")]]))),
    );
    await shows(image, "amd64");
  });

  test("reads what skopeo writes as docker-archive and oci-archive", async () => {
    const source = join(directory.path, "source");
    for (const { name, content = "" } of layoutOf([
      [await imageOf(hello("skopeo")), { "org.opencontainers.image.ref.name": "v1" }],
    ])) {
      await mkdir(dirname(join(source, name)), { recursive: true });
      await writeFile(join(source, name), content);
    }
    for (const kind of ["docker-archive", "oci-archive"]) {
      const path = join(directory.path, `${kind}.tar`);
      await run("skopeo", [
        "copy",
        "--insecure-policy",
        `oci:${source}:v1`,
        `${kind}:${path}:example.com/${kind}:v1`,
      ]);
      const [image] = await stack.images.importArchive(path);
      assert.ok(image?.repoTags.includes(`example.com/${kind}:v1`));
      await shows(image, "skopeo");
    }
  });

  test("reads archives of docker save with an image without layers, whose list is null", async () => {
    const config = JSON.stringify({ os: "linux", architecture: "amd64", config: { Cmd: ["/none"] } });
    const entry = { Config: "config.json", RepoTags: ["example.com/bare:v1"], Layers: null };
    const files = [
      { name: "config.json", content: config },
      { name: "manifest.json", content: JSON.stringify([entry]) },
    ];
    await stack.images.importArchive(await archive("bare.tar", await tarOf(files)));
    assert.deepEqual(stack.images.find("example.com/bare:v1")?.layers, []);
  });

  test("reads archives of docker save with layers that are links to others", async () => {
    const layer = await tarOf([{ name: "hello", content: "link" }]);
    const diffId = digestOf(layer);
    const config = {
      os: "linux",
      architecture: "amd64",
      config: {},
      rootfs: { type: "layers", diff_ids: [diffId, diffId] },
    };
    const tar = await tarOf([
      { name: "1/layer.tar", content: layer },
      { name: "2/layer.tar", type: "symlink", linkname: "../1/layer.tar" },
      { name: "config.json", content: JSON.stringify(config) },
      {
        name: "manifest.json",
        content: JSON.stringify([
          { Config: "config.json", RepoTags: ["linked"], Layers: ["1/layer.tar", "2/layer.tar"] },
        ]),
      },
    ]);
    const [image] = await stack.images.importArchive(await archive("linked.tar", tar));
    assert.deepEqual(image?.repoTags, ["docker.io/library/linked:latest"]);
    await shows(image, "link");
  });

  test("reads archives of docker save with layers compressed with gzip, zstd and pzstd", async () => {
    const layer = await tarOf([{ name: "hello", content: "compressed" }]);
    const config = { ...amd64, rootfs: { type: "layers", diff_ids: [digestOf(layer)] } };
    const skipped = Buffer.from("502a4d18" + "04000000" + "00000000", "hex");
    const forms = {
      gzip: gzipSync(layer),
      zstd: zstdCompressSync(layer),
      pzstd: Buffer.concat([skipped, zstdCompressSync(layer)]),
    };
    for (const [form, content] of Object.entries(forms)) {
      const entry = { Config: "config.json", RepoTags: [`example.com/${form}:v1`], Layers: ["layer"] };
      const tar = await tarOf([
        { name: "layer", content },
        { name: "config.json", content: JSON.stringify(config) },
        { name: "manifest.json", content: JSON.stringify([entry]) },
      ]);
      const [image] = await stack.images.importArchive(await archive(`${form}.tar`, tar));
      await shows(image, "compressed");
      const type = mediaType[form === "gzip" ? "dockerLayerGzip" : "dockerLayerZstd"];
      assert.equal(stack.images.find(image?.id ?? "")?.layers[0]?.mediaType, type);
      await stack.images.remove(image?.id ?? "");
      await stack.images.collectGarbage();
    }
  });

  test("writes nothing outside its staging directory, whatever names an archive has", async () => {
    const outside = join(directory.path, "outside");
    const tar = await tarOf([
      { name: "../outside", content: "x" },
      { name: outside, content: "x" },
      { name: "link", type: "symlink", linkname: outside },
      { name: "link/inside", content: "x" },
      ...layoutOf([[await imageOf(hello("safe")), named("example.com/safe:v1")]]),
    ]);
    await shows((await stack.images.importArchive(await archive("escape.tar", tar)))[0], "safe");
    assert.ok(!(await readdir(directory.path)).includes("outside"));
  });

  test("removes what a crash has left of it, however long its paths are", async () => {
    await using directory = await tempDir();
    const staging = join(directory.path, "import");
    await mkdir(staging);
    // Two chains of directories, one put into the other: together too long for any path.
    const deepen = `set -e; top=$PWD; name=$(printf %0200d 0)
      deepen() { mkdir "$1"; cd "$1"; for i in $(seq 15); do mkdir $name; cd $name; done; }
      (deepen one)
      (deepen two; mv "$top/one" .)`;
    await promisify(execFile)("sh", ["-c", deepen], { cwd: staging });
    await using _stack = await openStack({ root: directory.path });
    assert.ok(!(await readdir(directory.path)).includes("import"));
  });

  test("refuses archives that it cannot read, and imports nothing", async () => {
    const image = await imageOf(hello("broken"));
    const files = layoutOf([[image, named("example.com/broken:v1")]]);
    const layer = [...image.blobs].find(([, blob]) => blob.mediaType === mediaType.ociLayerGzip)?.[0] ?? "";
    const damaged = files.map((file) =>
      file.name.includes(layer.slice(7)) ? { ...file, content: "damaged" } : file,
    );
    const without = files.filter(({ name }) => !name.includes(layer.slice(7)));
    const entry = { Config: "../../etc/passwd", RepoTags: null, Layers: [] };
    const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
      ["text.tar", Buffer.from("x".repeat(2000)), /not a tar archive/],
      ["cut.tar", (await tarOf(files)).subarray(0, 1100), /not a tar archive/],
      ["empty.tar", await tarOf([{ name: "a" }]), /neither an OCI layout/],
      ["none.tar", await tarOf(layoutOf([])), /holds no image/],
      ["without.tar", await tarOf(without), /is not in it/],
      ["damaged.tar", await tarOf(damaged), /is not in it, or is damaged/],
      [
        "passwd.tar",
        await tarOf([{ name: "manifest.json", content: JSON.stringify([entry]) }]),
        /"\.\.\/\.\.\/etc\/passwd", which is missing/,
      ],
      ["odd.tar", await tarOf([{ name: "manifest.json", content: "{}" }]), /not what docker save writes/],
    ];
    for (const [name, bytes, why] of cases) {
      await assert.rejects(stack.images.importArchive(await archive(name, bytes)), (error) => {
        assert.match(String(error), why, name);
        return error instanceof BerthError;
      });
    }
    const sent = stack.images.importArchive(join(directory.path, "text.tar"), undefined, { sent: true });
    await assert.rejects(sent, { message: /^the archive: not a tar archive/ });
    assert.equal(stack.images.find("example.com/broken:v1"), undefined);
    const absent = join(directory.path, "absent.tar");
    await assert.rejects(stack.images.importArchive(absent), {
      code: "NotFound",
      message: `${absent}: there is no such file`,
    });
    assert.deepEqual(await readdir(join(stack.root, "import")), []);
    assert.deepEqual(stack.leases.list(), []);
  });
});
