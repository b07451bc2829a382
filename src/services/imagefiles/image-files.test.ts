import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { mountSnapshot, unmount } from "../../ground/linux/index.ts";
import { isDigest, mediaType } from "../../parts/oci/index.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { type ImageOptions, imageOf, tarOf } from "../../testing/images.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { Differ, LayerDiffs } from "../diff/index.ts";
import type { Image } from "../images/index.ts";
import { openStack } from "../images/testing/stack.ts";
import type { SnapshotterKind } from "../snapshots/index.ts";
import { Hold } from "./hold.ts";
import { ImageFiles, ImageMounts } from "./index.ts";

const run = promisify(execFile);
const { signal } = new AbortController();
const platform = { os: "linux", architecture: "amd64" };
const about = { changes: [], author: "", comment: "" } as const;

/** An image `app:1` of two layers, and what makes images of files. */
async function setting(options: ImageOptions = {}, kind: SnapshotterKind = "overlayfs", root?: string) {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  const layers = [
    [
      { name: "etc/", type: "directory" as const, mode: 0o755 },
      { name: "etc/kept", content: "kept" },
      { name: "etc/gone", content: "gone" },
    ],
    [{ name: "etc/later", content: "later" }],
  ];
  const registry = undo.use(await startFakeRegistry({ "app:1": await imageOf({ layers, ...options }) }));
  const stack = undo.use(await openStack({ platform, kind, ...(root === undefined ? {} : { root }) }));
  const image = await stack.images.pull({ reference: `${registry.host}/app:1` });
  const hostPaths = new HostPaths();
  const differ = undo.use(new Differ(new HostPaths()));
  const layerDiffs = await LayerDiffs.open(join(path, "diffs"), hostPaths);
  const files = await ImageFiles.open({ ...stack, layerDiffs, differ, platform });
  const mounts = () => ImageMounts.open({ ...stack, hostPaths, directory: join(path, "made") });
  const held = undo.move();
  return { path, stack, image, files, mounts, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

type Setting = Awaited<ReturnType<typeof setting>>;

/** A container's snapshot, changed by `work` in its directory. */
async function changed(
  { stack, path, image }: Setting,
  work: (root: string) => Promise<void>,
): Promise<string> {
  await stack.images.prepareRootfs(image, "container");
  const root = join(path, "container");
  await mkdir(root);
  await mountSnapshot(stack.snapshotter.mounts("container"), root);
  try {
    await work(root);
  } finally {
    await unmount(root);
  }
  return "container";
}

async function namesIn({ stack }: Setting, image: Image): Promise<readonly string[]> {
  return await stack.inRootfs(image, async (root) => (await readdir(root, { recursive: true })).toSorted());
}

async function diffOf({ files }: Setting, name: string, other?: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { kind, path } of files.diff(name, other, signal)) lines.push(`${kind} ${path}`);
  return lines;
}

function found({ stack }: Setting, name: string): Image {
  const image = stack.images.find(name);
  if (image === undefined) throw new Error(`no ${name}`);
  return image;
}

/** That nothing is held any more, and no snapshot left but those of layers. */
function assertClean({ stack }: Setting): void {
  assert.deepEqual(stack.leases.list(), []);
  const keys = stack.snapshotter.list().map(({ key }) => key);
  assert.deepEqual(
    keys.filter((key) => !isDigest(key) && key !== "container"),
    [],
  );
}

for (const format of ["oci", "docker"] as const) {
  test(`what a container has changed becomes a layer over its image, in the form of ${format}`, async () => {
    await using set = await setting({ format });
    const { stack, files, image } = set;
    const snapshotKey = await changed(set, async (root) => {
      await rm(join(root, "etc/gone"));
      await writeFile(join(root, "etc/kept"), "changed");
      await writeFile(join(root, "new"), "new");
    });
    const { id } = await files.commit(
      {
        snapshotKey,
        imageId: image.id,
        name: "team/app:2",
        changes: [
          'CMD ["/new", "it"]',
          "ENV A=1 PATH=/usr/bin",
          "LABEL team='a b'",
          "EXPOSE 80",
          "WORKDIR srv",
        ],
        author: "Ada",
        comment: "fixed",
      },
      signal,
    );
    assertClean(set);
    await stack.images.collectGarbage();
    const made = found(set, "team/app:2");
    assert.deepEqual([made.id, made.repoTags], [id, ["docker.io/team/app:2"]]);
    assert.deepEqual(made.layers.slice(0, 2), image.layers);
    assert.deepEqual([made.layers.length, made.manifest.mediaType], [3, image.manifest.mediaType]);
    assert.equal(made.layers[2]?.mediaType, image.layers[0]?.mediaType);
    const { cmd, env, labels, exposedPorts, workingDir } = made.config.config;
    assert.deepEqual(
      { cmd, env, labels, exposedPorts, workingDir },
      {
        cmd: ["/new", "it"],
        env: ["PATH=/usr/bin", "A=1"],
        labels: { team: "a b" },
        exposedPorts: ["80/tcp"],
        workingDir: "/srv",
      },
    );
    const config = JSON.parse(Buffer.from((await stack.images.inspect(id)).configBytes).toString("utf8"));
    assert.deepEqual([config.author, config.history.at(-1).comment], ["Ada", "fixed"]);
    // The image that it was made of says nothing of its layers.
    assert.deepEqual(config.history.slice(0, -1), [{}, {}]);
    assert.deepEqual(await namesIn(set, made), ["etc", "etc/kept", "etc/later", "new"]);
    assert.deepEqual(await diffOf(set, "team/app:2"), [
      "deleted /etc/gone",
      "changed /etc/kept",
      "added /new",
    ]);
    assert.deepEqual(await diffOf(set, image.id, id), [
      "deleted /new",
      "added /etc/gone",
      "changed /etc/kept",
    ]);
    assert.deepEqual(await diffOf(set, id, id), []);
    assertClean(set);
  });
}

for (const kind of ["overlayfs", "native"] as const)
  test(`a commit leaves out what was made only to mount on it, with ${kind}`, async () => {
    await using set = await setting({}, kind);
    const { stack, files, image } = set;
    const snapshotKey = await changed(set, async (root) => {
      await mkdir(join(root, "proc"));
      await mkdir(join(root, "run/secrets/token"), { recursive: true });
      await writeFile(join(root, "etc/hosts"), "");
      await mkdir(join(root, "data"));
      await writeFile(join(root, "data/own"), "own");
      await mkdir(join(root, "empty"));
      await mkdir(join(root, "var/cache"), { recursive: true });
      await mkdir(join(root, "var/other"));
    });
    const mounted = ["/proc", "/etc/hosts", "/var/run/secrets/token", "/run/secrets/token", "/etc/kept"];
    const mountPoints = [...mounted, "/data", "/etc", "/absent/path", "/", "/var/cache"];
    const { id } = await files.commit(
      { ...about, snapshotKey, imageId: image.id, name: undefined, mountPoints },
      signal,
    );
    const made = found(set, id);
    assert.deepEqual(await diffOf(set, id), [
      "added /data",
      "added /data/own",
      "added /empty",
      "added /var",
      "added /var/other",
    ]);
    await stack.inRootfs(made, async (root) =>
      assert.equal(await readFile(join(root, "etc/kept"), "utf8"), "kept"),
    );
  });

test("a container of another snapshotter than the configured one is committed and exported", async () => {
  await using directory = await tempDir();
  const { path } = directory;
  const former = await setting({}, "native", join(path, "root"));
  const snapshotKey = await changed(former, async (root) => {
    await rm(join(root, "etc/gone"));
    await writeFile(join(root, "new"), "new");
  });
  await former[Symbol.asyncDispose]();
  await using set = await setting({}, "overlayfs", join(path, "root"));
  const { files, image } = set;
  const { id } = await files.commit({ ...about, snapshotKey, imageId: image.id, name: undefined }, signal);
  assert.deepEqual(await diffOf(set, id), ["deleted /etc/gone", "added /new"]);
  assertClean(set);
  const archive = join(path, "archive");
  await writeFile(archive, files.export(snapshotKey, signal));
  const { stdout } = await run("tar", ["-tf", archive]);
  assert.match(stdout, /^new$/m);
  const keys = set.stack.snapshotters().flatMap((each) => each.list().map(({ key }) => key));
  assert.deepEqual(
    keys.filter((key) => !isDigest(key)),
    [snapshotKey],
  );
});

test("a commit after a change of snapshotter needs another pull if layers are not kept, and says so", async () => {
  await using directory = await tempDir();
  await using registry = await startFakeRegistry({ "app:1": await imageOf() });
  const reference = `${registry.host}/app:1`;
  const hostPaths = new HostPaths();
  await using differ = new Differ(hostPaths);
  const layerDiffs = await LayerDiffs.open(join(directory.path, "diffs"), hostPaths);
  const open = (kind: SnapshotterKind) =>
    openStack({ platform, kind, root: join(directory.path, "root"), keepLayers: false });
  {
    await using former = await open("native");
    const image = await former.images.pull({ reference });
    await former.images.collectGarbage();
    await former.images.prepareRootfs(image, "container");
  }
  await using stack = await open("overlayfs");
  const files = await ImageFiles.open({ ...stack, layerDiffs, differ, platform });
  const commit = async () => {
    const image = stack.images.find(reference) ?? assert.fail();
    return await files.commit(
      { ...about, snapshotKey: "container", imageId: image.id, name: undefined },
      signal,
    );
  };
  await assert.rejects(commit, {
    code: "FailedPrecondition",
    message: /^layer sha256:\w+ is neither stored nor unpacked by the snapshotter overlayfs; pull the image/,
  });
  await stack.images.pull({ reference });
  const { id } = await commit();
  assert.ok(stack.images.find(id));
});

test("a container that has changed nothing becomes an image of its own all the same", async () => {
  await using set = await setting();
  const snapshotKey = await changed(set, async () => undefined);
  const { id } = await set.files.commit(
    { ...about, snapshotKey, imageId: set.image.id, name: undefined, comment: "again" },
    signal,
  );
  assert.notEqual(id, set.image.id);
  assert.deepEqual(await diffOf(set, id), []);
});

test("a commit changes the keys of a config whichever way they are spelled", async () => {
  await using set = await setting({ config: { Env: undefined, env: ["A=1"], user: "7" } });
  const snapshotKey = await changed(set, async () => undefined);
  const request = { ...about, snapshotKey, imageId: set.image.id, name: undefined };
  const { id } = await set.files.commit({ ...request, changes: ["ENV B=2", "USER 8"] }, signal);
  const { env, user } = found(set, id).config.config;
  assert.deepEqual([env, user], [["A=1", "B=2"], "8"]);
  const { configBytes } = await set.stack.images.inspect(id);
  const { config } = JSON.parse(Buffer.from(configBytes).toString("utf8"));
  assert.deepEqual(Object.keys(config).toSorted(), ["Cmd", "Env", "User"]);
});

test("a commit keeps the blobs of its image if that is removed meanwhile", async () => {
  await using set = await setting();
  const { stack, files, image } = set;
  const snapshotKey = await changed(set, (root) => writeFile(join(root, "big"), Buffer.alloc(20_000_000)));
  const request = { ...about, snapshotKey, imageId: image.id, name: undefined };
  const committing = files.commit(request, signal);
  committing.catch(() => undefined);
  await until(() => stack.leases.list().length > 0);
  await stack.images.remove(image.id);
  await stack.images.collectGarbage();
  const { id } = await committing;
  for (const { digest } of found(set, id).layers) assert.ok(stack.content.has(digest), digest);
});

test("a change that is no instruction is refused by its name, and nothing is left", async () => {
  await using set = await setting();
  const snapshotKey = await changed(set, async () => undefined);
  for (const change of ["RUN x", "ENV", "ENV novalue", "EXPOSE 99999", "LABEL 'a"]) {
    const request = { ...about, snapshotKey, imageId: set.image.id, name: undefined, changes: [change] };
    await assert.rejects(set.files.commit(request, signal), { code: "InvalidArgument", message: /change/ });
  }
  assertClean(set);
  assert.equal(set.stack.images.list().length, 1);
});

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`an exported container is imported as an image of its files, compressed with ${compression}`, async () => {
    await using set = await setting();
    const { stack, files, path } = set;
    const snapshotKey = await changed(set, async (root) => {
      await rm(join(root, "etc/gone"));
      await symlink("kept", join(root, "etc/link"));
      await writeFile(join(root, "big"), Buffer.alloc(3_000_000, "x"));
    });
    const archive = join(path, "rootfs.tar");
    const chunks: Buffer[] = [];
    for await (const chunk of files.export(snapshotKey, signal)) chunks.push(chunk);
    await writeFile(archive, Buffer.concat(chunks));
    const { stdout } = await run("tar", ["-tf", archive]);
    assert.deepEqual(stdout.trim().split("\n").toSorted(), [
      "big",
      "etc/",
      "etc/kept",
      "etc/later",
      "etc/link",
    ]);
    if (compression !== "none") {
      await run(compression, ["-q", archive]);
      await rm(archive, { force: true });
    }
    const suffix = { none: "", gzip: ".gz", zstd: ".zst" }[compression];
    const request = { ...about, archive: `${archive}${suffix}`, name: "flat", changes: ["USER 7"] };
    const { id } = await files.import(request, signal);
    assertClean(set);
    await stack.images.collectGarbage();
    const made = found(set, "flat:latest");
    assert.deepEqual([made.id, made.layers.length, made.config.config.user], [id, 1, "7"]);
    assert.deepEqual(made.config.platform, platform);
    const types = { none: mediaType.ociLayer, gzip: mediaType.ociLayerGzip, zstd: mediaType.ociLayerZstd };
    assert.equal(made.layers[0]?.mediaType, types[compression]);
    assert.deepEqual(await namesIn(set, made), ["big", "etc", "etc/kept", "etc/later", "etc/link"]);
  });
}

test("what a daemon was importing when it died goes with the next start", async () => {
  await using set = await setting();
  const { stack, path } = set;
  const hold = await Hold.open(stack.leases, stack.snapshotter, "import");
  await stack.snapshotter.prepare(await hold.snapshotKey(), undefined);
  const layerDiffs = await LayerDiffs.open(join(path, "other"), new HostPaths());
  await using differ = new Differ(new HostPaths());
  await ImageFiles.open({ ...stack, layerDiffs, differ, platform });
  assertClean(set);
});

for (const kind of ["overlayfs", "erofs", "native"] as const)
  test(`images are compared without writing anything, and stay until then if they are removed: ${kind}`, async () => {
    await using set = await setting({}, kind);
    const { stack, files, image } = set;
    const changes = files.diff(image.id, undefined, signal);
    const first = await changes.next();
    assertClean(set);
    await stack.images.remove(image.id);
    await stack.images.collectGarbage();
    assert.equal(stack.snapshotter.list().length, 2);
    const rest = await Array.fromAsync(changes);
    const paths = [first.value, ...rest].map((change) => String(change?.path));
    assert.deepEqual(paths, ["/etc/later"]);
    await until(() => stack.snapshotter.list().length === 0);
  });

test("an image of one layer, and one without any, are compared with nothing", async () => {
  await using set = await setting({ layers: [] });
  await using registry = await startFakeRegistry({ "one:1": await imageOf() });
  const one = await set.stack.images.pull({ reference: `${registry.host}/one:1` });
  assert.deepEqual(await diffOf(set, one.id), ["added /hello"]);
  assert.deepEqual(await diffOf(set, set.image.id), []);
  assert.deepEqual(await diffOf(set, set.image.id, one.id), ["deleted /hello"]);
  assertClean(set);
});

test("what is no tar archive, and a name with a digest, make no image", async () => {
  await using set = await setting();
  const { files, path, stack, image } = set;
  const archive = join(path, "archive");
  await writeFile(archive, Buffer.alloc(2048, "no tar"));
  await assert.rejects(files.import({ ...about, archive, name: "x" }, signal), {
    code: "InvalidArgument",
    message: /^the archive: not a tar archive of files/,
  });
  await writeFile(archive, await tarOf([{ name: "a", content: "a" }]));
  const name = `x@${image.id}`;
  await assert.rejects(files.import({ ...about, archive, name }, signal), { code: "InvalidArgument" });
  assertClean(set);
  assert.equal(stack.images.list().length, 1);
});

test("an export that nobody reads any more ends", async () => {
  await using set = await setting();
  const snapshotKey = await changed(set, (root) => writeFile(join(root, "big"), Buffer.alloc(20_000_000)));
  for await (const chunk of set.files.export(snapshotKey, signal)) {
    assert.ok(chunk.length > 0);
    break;
  }
  const controller = new AbortController();
  const reading = set.files.export(snapshotKey, controller.signal);
  await reading.next();
  controller.abort(new Error("enough"));
  await assert.rejects(async () => {
    for await (const _ of reading);
  }, /enough/);
  assert.deepEqual(await readdir(join(set.path, "diffs")), []);
});

test("an image is mounted read-only or writable, stays the same, and is held until it is unmounted", async () => {
  await using set = await setting();
  const { stack, image, path } = set;
  const mounts = await set.mounts();
  const [one, other] = [join(path, "one"), join(path, "other")];
  for (const directory of [one, other]) await mkdir(directory);
  const mounted = { directory: one, imageId: image.id, writable: false };
  assert.deepEqual(await mounts.mount(image.id, one, false, signal), mounted);
  await mounts.mount(image.id, other, true, signal);
  try {
    await assert.rejects(mounts.mount(image.id, one, false, signal), { code: "AlreadyExists" });
    await stack.images.remove(image.id);
    await stack.images.collectGarbage();
    assert.equal(await readFile(join(one, "etc/later"), "utf8"), "later");
    await assert.rejects(writeFile(join(one, "x"), ""), { code: "EROFS" });
    await writeFile(join(other, "x"), "");
    assert.deepEqual(await readdir(one), ["etc"]);
    assert.deepEqual((await set.mounts()).list(), [
      mounted,
      { directory: other, imageId: image.id, writable: true },
    ]);
  } finally {
    for (const directory of [one, other]) await mounts.unmount(directory, signal);
  }
  await assert.rejects(mounts.unmount(one, signal), { code: "NotFound" });
  assert.deepEqual([stack.leases.list(), await readdir(one)], [[], []]);
  await until(() => stack.snapshotter.list().length === 0);
});

test("an image whose mount has gone, as with the machine's restart, is forgotten with the next start", async () => {
  await using set = await setting();
  const directory = join(set.path, "directory");
  await mkdir(directory);
  await (await set.mounts()).mount(set.image.id, directory, false, signal);
  await unmount(directory);
  assert.deepEqual((await set.mounts()).list(), []);
  assertClean(set);
});

test("an image that is mounted on no directory in particular gets one, which goes with it", async () => {
  await using set = await setting();
  const { stack, image, path } = set;
  await mkdir(join(path, "made/left by one that was cut"), { recursive: true });
  const mounts = await set.mounts();
  const { directory } = await mounts.mount(image.id, undefined, false, signal);
  const again = await mounts.mount(image.id, undefined, false, signal);
  const writable = await mounts.mount(image.id, undefined, true, signal);
  try {
    assert.deepEqual(again, { directory, imageId: image.id, writable: false });
    assert.equal(await readFile(join(directory, "etc/later"), "utf8"), "later");
    await writeFile(join(writable.directory, "x"), "");
    assert.deepEqual((await set.mounts()).list().length, 2);
  } finally {
    for (const each of [directory, writable.directory]) await mounts.unmount(each, signal);
  }
  assertClean(set);
  assert.deepEqual(await readdir(join(path, "made")), []);
  const other = await mounts.mount(image.id, undefined, false, signal);
  await unmount(other.directory);
  assert.deepEqual((await set.mounts()).list(), []);
  assert.deepEqual(await readdir(join(path, "made")), []);
  await stack.images.remove(image.id);
  await assert.rejects(mounts.mount(image.id, undefined, false, signal), { code: "NotFound" });
  assert.deepEqual(await readdir(join(path, "made")), []);
});

test("what somebody puts where an image was mounted stays, and nobody is kept from starting by it", async () => {
  await using set = await setting();
  const mounts = await set.mounts();
  const { directory } = await mounts.mount(set.image.id, undefined, false, signal);
  await unmount(directory);
  const [file, stray] = [join(directory, "mine"), join(set.path, "made/stray")];
  for (const path of [file, stray]) await writeFile(path, "mine");
  for (let start = 0; start < 2; start++) assert.deepEqual((await set.mounts()).list(), []);
  assertClean(set);
  for (const path of [file, stray]) assert.equal(await readFile(path, "utf8"), "mine");
});

test("an image is mounted where a link leads, is held there, and unmounted by either name", async () => {
  await using set = await setting();
  const { image, path } = set;
  const [real, link] = [join(path, "real"), join(path, "link")];
  await mkdir(join(real, "directory"), { recursive: true });
  await symlink(join(real, "directory"), link);
  const directory = join(real, "directory");
  for (const name of [link, `${path}//real/./directory/`, directory]) {
    const mounts = await set.mounts();
    const mounted = { directory, imageId: image.id, writable: false };
    assert.deepEqual(await mounts.mount(image.id, name, false, signal), mounted);
    try {
      await assert.rejects(mounts.mount(image.id, directory, false, signal), { code: "AlreadyExists" });
      assert.deepEqual((await set.mounts()).list(), [mounted]);
      assert.equal(await readFile(join(link, "etc/later"), "utf8"), "later");
    } finally {
      await mounts.unmount(name, signal);
    }
    assert.deepEqual(await readdir(directory), []);
    assertClean(set);
  }
});

test("of an image that two mount at once on one directory one gets it, and on none in particular both get one", async () => {
  await using set = await setting();
  const { image, path } = set;
  const directory = join(path, "directory");
  await mkdir(directory);
  const mounts = await set.mounts();
  const twice = (on: string | undefined) =>
    Promise.allSettled([1, 2].map(() => mounts.mount(image.id, on, false, signal)));
  const named = await twice(directory);
  for (const each of (await set.mounts()).list()) await mounts.unmount(each.directory, signal);
  const codes = named.map((each) => each.status === "rejected" && each.reason.code);
  assert.deepEqual(codes.sort(), ["AlreadyExists", false]);
  const made = await twice(undefined);
  for (const each of (await set.mounts()).list()) await mounts.unmount(each.directory, signal);
  const [first, second] = made.map((each) => each.status === "fulfilled" && each.value.directory);
  assert.ok(first);
  assert.equal(first, second);
  assertClean(set);
  assert.deepEqual([await readdir(directory), await readdir(join(path, "made"))], [[], []]);
});

test("an image is mounted on a directory that is there, by its whole path", async () => {
  await using set = await setting();
  const mounts = await set.mounts();
  const file = join(set.path, "file");
  await writeFile(file, "");
  for (const [path, code] of [
    ["relative", "InvalidArgument"],
    [file, "InvalidArgument"],
    [join(set.path, "none"), "NotFound"],
  ] as const)
    await assert.rejects(mounts.mount(set.image.id, path, false, signal), { code });
  await assert.rejects(mounts.mount("none", set.path, false, signal), { code: "NotFound" });
  assertClean(set);
});

test("a directory for an image that cannot be looked at is not taken for a missing one", async () => {
  await using set = await setting();
  const directory = join(set.path, "failing");
  await mkdir(directory);
  await using failing = await deadFileSystem(directory);
  failing.fail();
  const mounts = await set.mounts();
  await assert.rejects(mounts.mount(set.image.id, directory, false, signal), { code: "ENOTCONN" });
});
