import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  closeFile,
  getXattrAt,
  mountSnapshot,
  openDirectory,
  setXattrAt,
  unmount,
} from "../../ground/linux/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import type { LayerTarget } from "../unpack/index.ts";
import { applyBytes, listTree } from "../unpack/testing/apply.ts";
import { type Compression, type LayerSource, type WrittenLayer, writeLayer } from "./index.ts";

const run = promisify(execFile);

const baseScript = `
  mkdir -p bin etc/keep etc/drop/deep opaque becomes-file
  echo sh > bin/sh; chmod 4755 bin/sh; echo a > etc/a; echo b > etc/b; chown 7:8 etc/b; echo c > etc/drop/deep/c; chmod 700 etc/keep
  echo old > etc/keep/old; echo old > opaque/old; echo file > becomes-dir; echo below > becomes-file/below; ln -s bin sbin
  find . -depth -exec touch -h -d @1000000000.5 {} +`;

const changeScript = `
  rm etc/a; rm -r etc/drop; echo longer > etc/b; chmod 2750 etc/b; echo new > etc/keep/new; ln bin/sh bin/ash
  rm -r opaque; mkdir opaque; echo new > opaque/new; rm becomes-dir; mkdir becomes-dir; echo below > becomes-dir/below
  rm -r becomes-file; echo file > becomes-file; rm sbin; ln -s etc sbin; mkfifo pipe; mknod zero c 1 5; mknod block b 7 200
  seq 1 300000 > text; head -c 1200000 /dev/urandom > random; : > none; echo big > big; chown 3000000:4000000000 big
  long=$(printf 'd%.0s' $(seq 120)); mkdir $long; echo x > $long/$long; ln -s $long/$long/none long; ln $long/$long hard
  echo early > early; touch -d @-12.25 early; printf e > "$(printf 'latin\\351')"`;

type Trees = {
  readonly base: string;
  readonly upper: string;
  /** The overlay of both, mounted. */
  readonly merged: string;
  readonly root: string;
};

/** Changes a tree through an overlay over it while `use` looks at both. */
async function changed(script: string, use: (trees: Trees) => Promise<void>): Promise<void> {
  await using scratch = await tempDir();
  const at = (name: string) => join(scratch.path, name);
  const trees = { base: at("base"), upper: at("upper"), merged: at("merged"), root: scratch.path };
  for (const path of [trees.base, trees.upper, trees.merged, at("work")]) await mkdir(path, { mode: 0o755 });
  await run("sh", ["-ec", baseScript], { cwd: trees.base });
  const upper = { directory: trees.upper, work: at("work") };
  const options = ["index=off", "redirect_dir=off", "metacopy=off"];
  await mountSnapshot([{ type: "overlay", upper, lower: [trees.base], options }], trees.merged);
  try {
    await run("sh", ["-ec", script], { cwd: trees.merged });
    await use(trees);
  } finally {
    await unmount(trees.merged);
  }
}

type Written = WrittenLayer & { readonly path: string; readonly bytes: Buffer };

async function written(
  root: string,
  source: LayerSource,
  compression: Compression = "none",
  latestSeconds?: number,
): Promise<Written> {
  const path = join(root, "layer");
  const fd = openSync(path, "w", 0o600);
  try {
    const layer = writeLayer(fd, source, { compression, latestSeconds });
    return { ...layer, path, bytes: await readFile(path) };
  } finally {
    closeSync(fd);
  }
}

/** A copy of the base that takes a layer. */
async function targetOf(trees: Trees): Promise<LayerTarget> {
  const directory = join(trees.root, "target");
  await run("cp", ["-a", trees.base, directory]);
  return { directory, whiteouts: "remove" };
}

async function namesIn(layer: Written): Promise<readonly string[]> {
  const { stdout } = await run("tar", ["-tf", layer.path]);
  return stdout.trim().split("\n");
}

function xattr(path: string, key: string, value: string): void {
  withDirectory(path, (fd) => setXattrAt(fd, ".", key, Buffer.from(value)));
}

function withDirectory<T>(path: string, use: (fd: number) => T): T {
  const fd = openDirectory(path);
  try {
    return use(fd);
  } finally {
    closeFile(fd);
  }
}

const sources: Readonly<Record<string, (trees: Trees) => LayerSource>> = {
  "an overlay's upper directory": ({ upper }) => ({ kind: "upper", upper }),
  "an overlay that is mounted": ({ upper, merged }) => ({ kind: "upper", upper, merged }),
  "two trees": ({ base, merged }) => ({ kind: "trees", base, tree: merged }),
};

for (const [name, sourceOf] of Object.entries(sources)) {
  test(`the difference of ${name} makes the one tree of the other`, () =>
    changed(changeScript, async (trees) => {
      xattr(join(trees.merged, "etc/keep"), "user.on-dir", "ü");
      const layer = await written(trees.root, sourceOf(trees));
      const target = await targetOf(trees);
      const applied = await applyBytes(layer.bytes, target);
      assert.deepEqual([applied.diffId, applied.digest], [layer.diffId, layer.digest]);
      assert.deepEqual(applied.undescribedDirectories, []);
      assert.deepEqual(await listTree(target.directory), await listTree(trees.merged));
      await run("diff", [
        "-r",
        "--no-dereference",
        "-x",
        "zero",
        "-x",
        "block",
        "-x",
        "pipe",
        trees.merged,
        target.directory,
      ]);
      const value = withDirectory(target.directory, (fd) => getXattrAt(fd, "etc/keep", "user.on-dir"));
      assert.equal(Buffer.from(value).toString(), "ü");
    }));
}

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`a whole tree as a layer (${compression}) is the tree again when GNU tar or the unpacker takes it apart`, () =>
    changed(changeScript, async (trees) => {
      const source = { kind: "trees", tree: trees.merged } as const;
      const layer = await written(trees.root, source, compression);
      const expected = await listTree(trees.merged);
      const target: LayerTarget = { directory: join(trees.root, "target"), whiteouts: "remove" };
      await mkdir(target.directory);
      const applied = await applyBytes(layer.bytes, target);
      assert.deepEqual([applied.diffId, applied.sizeBytes], [layer.diffId, layer.sizeBytes]);
      assert.deepEqual(await listTree(target.directory), expected);
      // Not every machine has the program zstd that tar calls.
      if (compression === "zstd") return;
      const byTar = join(trees.root, "tar");
      await mkdir(byTar);
      await run("tar", ["-C", byTar, "-xpf", layer.path, "--numeric-owner"]);
      assert.deepEqual(await listTree(byTar), expected);
      const again = await written(trees.root, source, compression);
      assert.deepEqual([again.digest, again.diffId], [layer.digest, layer.diffId]);
    }));
}

test("only what changed is written, with the directories that lead to it", () =>
  changed("rm etc/a; echo new > etc/keep/new; mkdir bin/empty; chmod 711 opaque; rm sbin", async (trees) => {
    const layer = await written(trees.root, { kind: "trees", base: trees.base, tree: trees.merged });
    const names = await namesIn(layer);
    assert.deepEqual([...names].sort(), [
      ".wh.sbin",
      "bin/",
      "bin/empty/",
      "etc/",
      "etc/.wh.a",
      "etc/keep/",
      "etc/keep/new",
      "opaque/",
    ]);
    const upper = await written(trees.root, { kind: "upper", upper: trees.upper });
    assert.deepEqual([...(await namesIn(upper))].sort(), [...names].sort());
  }));

test("a time of whole seconds leaves it to the bytes whether a file has changed", () =>
  changed("echo A > etc/a; echo b > etc/b; touch -d @1000000000 etc/a etc/b", async (trees) => {
    await run("sh", ["-ec", "touch -d @1000000000 etc/a etc/b; chmod --reference=etc/b etc/a"], {
      cwd: trees.base,
    });
    const layer = await written(trees.root, { kind: "trees", base: trees.base, tree: trees.merged });
    assert.deepEqual(await namesIn(layer), ["etc/", "etc/a"]);
  }));

test("a new name of a file that is there already is a hard link", () =>
  changed("true", async (trees) => {
    const tree = join(trees.root, "copy");
    await run("sh", [
      "-ec",
      `cp -a "$0" "$1"; ln "$1/etc/b" "$1/etc/z"; ln "$1/etc/b" "$1/0"`,
      trees.base,
      tree,
    ]);
    const layer = await written(trees.root, { kind: "trees", base: trees.base, tree });
    const target = await targetOf(trees);
    await applyBytes(layer.bytes, target);
    const { stdout } = await run("find", [".", "-samefile", "etc/b"], { cwd: target.directory });
    assert.deepEqual(stdout.trim().split("\n").sort(), ["./0", "./etc/b", "./etc/z"]);
  }));

test("an empty file is a whiteout where its attribute and its directory say so, and a directory that says it is opaque", async () => {
  await using root = await tempDir();
  const upper = join(root.path, "upper");
  await run("sh", [
    "-ec",
    `mkdir -p "$0/dir" "$0/opaque"; : > "$0/dir/gone"; : > "$0/dir/empty"; : > "$0/opaque/empty"`,
    upper,
  ]);
  for (const dir of ["dir", "opaque"])
    withDirectory(join(upper, dir), (fd) =>
      setXattrAt(fd, dir === "dir" ? "gone" : "empty", "trusted.overlay.whiteout", Buffer.alloc(0)),
    );
  xattr(join(upper, "dir"), "trusted.overlay.opaque", "x");
  xattr(join(upper, "opaque"), "trusted.overlay.opaque", "y");
  const layer = await written(root.path, { kind: "upper", upper });
  assert.deepEqual(await namesIn(layer), [
    "dir/",
    "dir/empty",
    "dir/.wh.gone",
    "opaque/",
    "opaque/.wh..wh..opq",
    "opaque/empty",
  ]);
});

for (const key of ["metacopy", "redirect"]) {
  test(`an upper directory that only refers to what lies below (${key}) is refused unless the whole is there`, async () => {
    await using root = await tempDir();
    const upper = join(root.path, "upper");
    await run("sh", ["-ec", `mkdir -p "$0/dir/redirect"; : > "$0/dir/metacopy"`, upper]);
    withDirectory(join(upper, "dir"), (fd) =>
      setXattrAt(fd, key, `trusted.overlay.${key}`, Buffer.from("/x")),
    );
    await assert.rejects(written(root.path, { kind: "upper", upper }), {
      name: "LayerDiffError",
      code: "FailedPrecondition",
      message: new RegExp(`"dir/${key}".*compare the mounted trees`),
    });
    const merged = join(root.path, "merged");
    await run("cp", ["-a", upper, merged]);
    await writeFile(join(merged, "dir/redirect/file"), "below");
    const names = await namesIn(await written(root.path, { kind: "upper", upper, merged }));
    assert.equal(names.includes("dir/redirect/file"), key === "redirect");
    assert.equal(names.includes("dir/redirect/.wh..wh..opq"), key === "redirect");
  });
}

test("a file whose name would delete another is refused", () =>
  changed("echo x > etc/.wh.b", async (trees) => {
    for (const sourceOf of Object.values(sources))
      await assert.rejects(written(trees.root, sourceOf(trees)), {
        code: "FailedPrecondition",
        message: /"etc\/\.wh\.b".*use another name/,
      });
  }));

test("no entry of a layer is newer than the time that a caller gives, and older ones keep their own", async () => {
  await changed(changeScript, async (trees) => {
    const latestSeconds = 1_000_000_000;
    const source: LayerSource = { kind: "trees", tree: trees.merged };
    const { path } = await written(trees.root, source, "none", latestSeconds);
    const listed = await run("tar", ["--utc", "--full-time", "-tvf", path]);
    const times = listed.stdout
      .split("\n")
      .flatMap((line) => /\d{4}-\d\d-\d\d [\d:.]+/.exec(line)?.[0] ?? []);
    assert.deepEqual(
      times.filter((time) => time > "2001-09-09 01:46:40"),
      [],
    );
    assert.ok(times.some((time) => time < "1970-01-01"));
  });
});
