import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { BerthError, type ErrorCode } from "../../ground/errors/index.ts";
import {
  closeFile,
  getXattrAt,
  mountSnapshot,
  openDirectory,
  setXattrAt,
  unmount,
} from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Mount, type SnapshotterKind, Snapshotters } from "./index.ts";

const run = promisify(execFile);
const logger = createLogger({ level: "silent", format: "json" });
const kinds: readonly SnapshotterKind[] = ["overlayfs", "native"];

async function opened(kind: SnapshotterKind, root: string, namespace = "k8s.io") {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await openDatabase({ path: join(root, "meta.db") }));
  const snapshotters = undo.use(await Snapshotters.open({ root, database, logger }));
  const snapshotter = await snapshotters.get(kind, namespace);
  const kept = undo.move();
  return { snapshotter, snapshotters, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Mounts while `use` runs. */
async function mounted<T>(mounts: readonly Mount[], use: (tree: string) => Promise<T>): Promise<T> {
  await using scratch = await tempDir();
  const target = await mkdtemp(join(scratch.path, "mnt-"));
  await mountSnapshot(mounts, target);
  try {
    return await use(target);
  } finally {
    await unmount(target);
  }
}

const code = (expected: ErrorCode) => (error: unknown) =>
  error instanceof BerthError && error.code === expected;

for (const kind of kinds) {
  describe(`${kind} snapshots`, () => {
    test("are written, committed, and seen with their parents' files by those on top", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      await mounted(await snapshotter.prepare("a", undefined), (tree) => writeFile(join(tree, "one"), "1"));
      await snapshotter.commit("layer-a", "a");
      await mounted(await snapshotter.prepare("b", "layer-a"), async (tree) => {
        await writeFile(join(tree, "two"), "2");
        await rm(join(tree, "one"));
      });
      await snapshotter.commit("layer-b", "b");
      const names = await mounted(await snapshotter.view("v", "layer-b"), (tree) => readdir(tree));
      assert.deepEqual(names, ["two"]);
      const below = await mounted(await snapshotter.view("w", "layer-a"), (tree) => readdir(tree));
      assert.deepEqual(below, ["one"]);
      const mounts = await snapshotter.prepare("container", "layer-b");
      await mounted(mounts, (tree) => writeFile(join(tree, "three"), "3"));
      assert.deepEqual(await mounted(snapshotter.mounts("container"), (tree) => readdir(tree)), [
        "three",
        "two",
      ]);
    });

    test("of two namespaces and two snapshotters are not seen by each other, under the same keys", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter, snapshotters } = session;
      const other = await snapshotters.get(kind, "moby");
      const otherKind = await snapshotters.get(kind === "native" ? "overlayfs" : "native", "k8s.io");
      assert.equal(await snapshotters.get(kind, "moby"), other);
      for (const [name, each] of [
        ["own", snapshotter],
        ["moby", other],
        ["kind", otherKind],
      ] as const) {
        assert.deepEqual(each.list(), []);
        await mounted(await each.prepare("a", undefined), (tree) => writeFile(join(tree, name), ""));
        await each.commit("layer", "a");
      }
      await assert.rejects(other.prepare("b", "elsewhere"), code("NotFound"));
      await snapshotter.remove("layer");
      await snapshotter.cleanup();
      assert.deepEqual(await mounted(await other.view("v", "layer"), (tree) => readdir(tree)), ["moby"]);
      assert.deepEqual(await mounted(await otherKind.view("v", "layer"), (tree) => readdir(tree)), ["kind"]);
      assert.deepEqual(snapshotters.namespaces(), ["k8s.io", "moby"]);
      assert.deepEqual(snapshotters.kindsIn("moby"), [kind]);
    });

    test("of nothing can be viewed, and views cannot be written to", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      await mounted(await session.snapshotter.view("v", undefined), async (tree) => {
        assert.deepEqual(await readdir(tree), []);
        await assert.rejects(writeFile(join(tree, "x"), ""), { code: "EROFS" });
      });
    });

    test("have a root that anyone may enter, below directories that only the owner may", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const mode = await mounted(
        await session.snapshotter.prepare("a", undefined),
        async (tree) => (await stat(tree)).mode,
      );
      assert.equal(mode & 0o7777, 0o755);
      assert.equal((await stat(session.snapshotter.root)).mode & 0o7777, 0o700);
    });

    test("keep their labels and outlive a restart", async () => {
      await using root = await tempDir();
      {
        await using session = await opened(kind, root.path);
        await mounted(await session.snapshotter.prepare("a", undefined, { x: "1" }), (tree) =>
          writeFile(join(tree, "f"), "x"),
        );
        await session.snapshotter.commit("layer", "a");
        await session.snapshotter.prepare("c", "layer");
        await session.snapshotter.setLabels("c", { x: "1", y: "2" });
        await session.snapshotter.setLabels("c", { x: "", z: "3" });
      }
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      assert.deepEqual(
        snapshotter.list().map(({ key, kind: state, parent, labels }) => [key, state, parent, labels]),
        [
          ["c", "active", "layer", { y: "2", z: "3" }],
          ["layer", "committed", undefined, { x: "1" }],
        ],
      );
      assert.deepEqual(await mounted(snapshotter.mounts("c"), (tree) => readdir(tree)), ["f"]);
      assert.equal((await snapshotter.usage("layer")).inodes, 2);
    });

    test("refuse keys that exist, parents that are missing or active, and what is not there", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      await snapshotter.prepare("a", undefined);
      await assert.rejects(snapshotter.prepare("a", undefined), code("AlreadyExists"));
      await assert.rejects(snapshotter.prepare("b", "none"), code("NotFound"));
      await assert.rejects(snapshotter.prepare("b", "a"), code("FailedPrecondition"));
      await assert.rejects(snapshotter.commit("l", "none"), code("NotFound"));
      await snapshotter.commit("l", "a");
      await assert.rejects(snapshotter.commit("m", "l"), code("FailedPrecondition"));
      await snapshotter.prepare("b", undefined);
      await assert.rejects(snapshotter.commit("l", "b"), code("AlreadyExists"));
      await assert.rejects(snapshotter.remove("none"), code("NotFound"));
      await assert.rejects(snapshotter.usage("none"), code("NotFound"));
      assert.throws(() => snapshotter.mounts("none"), code("NotFound"));
    });

    test("are not removed from under others, and leave no files when removed", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      await snapshotter.prepare("a", undefined);
      await snapshotter.commit("layer", "a");
      await snapshotter.prepare("c", "layer");
      await assert.rejects(snapshotter.remove("layer"), code("FailedPrecondition"));
      await snapshotter.remove("c");
      await snapshotter.remove("layer");
      await snapshotter.cleanup();
      assert.deepEqual(await numbered(snapshotter.root), []);
    });

    test("prepared and removed at the same time end in one state or the other", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      await snapshotter.prepare("a", undefined);
      await snapshotter.commit("layer", "a");
      const [prepared, removed] = await Promise.allSettled([
        snapshotter.prepare("c", "layer"),
        snapshotter.remove("layer"),
      ]);
      assert.notEqual(prepared.status, removed.status);
      const keys = snapshotter.list().map(({ key }) => key);
      assert.deepEqual(keys, prepared.status === "fulfilled" ? ["c", "layer"] : []);
    });

    test("committed twice under one name at the same time: the second finds it there", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      await Promise.all([snapshotter.prepare("a", undefined), snapshotter.prepare("b", undefined)]);
      const [first, second] = await Promise.allSettled([
        snapshotter.commit("layer", "a"),
        snapshotter.commit("layer", "b"),
      ]);
      assert.equal(first.status, "fulfilled");
      assert.ok(second.status === "rejected" && code("AlreadyExists")(second.reason));
    });

    test("that a crash has left without record, or without directory, are gone after the next start", async () => {
      await using root = await tempDir();
      let directory: string;
      {
        await using session = await opened(kind, root.path);
        const { snapshotter } = session;
        directory = snapshotter.root;
        await snapshotter.prepare("a", undefined);
        await snapshotter.commit("layer", "a");
        await snapshotter.prepare("lost", "layer");
      }
      await rm(join(directory, "2"), { recursive: true });
      await mkdir(join(directory, "77", "fs"), { recursive: true });
      await using session = await opened(kind, root.path);
      await session.snapshotter.cleanup();
      assert.deepEqual(
        session.snapshotter.list().map(({ key }) => key),
        ["layer"],
      );
      assert.deepEqual(await numbered(directory), ["1"]);
      await session.snapshotter.prepare("next", "layer");
      assert.deepEqual(await numbered(directory), ["1", "78"]);
    });

    test("say what they take on the disk, without their parents for overlayfs", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      const large = Buffer.alloc(1 << 20, 1);
      await mounted(await snapshotter.prepare("a", undefined), (tree) => writeFile(join(tree, "f"), large));
      await snapshotter.commit("layer", "a");
      await mounted(await snapshotter.prepare("c", "layer"), async (tree) => {
        await writeFile(join(tree, "g"), large);
        await run("ln", [join(tree, "g"), join(tree, "h")]);
      });
      const copies = kind === "native" ? 2 : 1;
      const usage = await snapshotter.usage("c");
      assert.equal(usage.inodes, 1 + copies);
      assert.ok(
        usage.sizeBytes >= copies << 20 && usage.sizeBytes < (copies << 20) + (1 << 16),
        `${usage.sizeBytes} bytes`,
      );
    });
  });
}

async function numbered(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => /^[0-9]+$/.test(name)).sort();
}

describe("rebase", () => {
  test("gives layers that were prepared on nothing their parents at commit", async () => {
    await using root = await tempDir();
    await using session = await opened("overlayfs", root.path);
    const { snapshotter } = session;
    for (const name of ["one", "two", "three"]) {
      await mounted(await snapshotter.prepare(name, undefined), (tree) => writeFile(join(tree, name), name));
    }
    await snapshotter.commit("1", "one");
    await snapshotter.commit("2", "two", { parent: "1" });
    await snapshotter.commit("3", "three", { parent: "2", synced: true });
    assert.equal(snapshotter.stat("3")?.parent, "2");
    const names = await mounted(await snapshotter.view("v", "3"), (tree) => readdir(tree));
    assert.deepEqual(names, ["one", "three", "two"]);
  });

  test("is refused by native, and for a snapshot that has a parent", async () => {
    for (const kind of kinds) {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      for (const name of ["x", "y"]) {
        await snapshotter.prepare(`extract-${name}`, undefined);
        await snapshotter.commit(name, `extract-${name}`);
      }
      await snapshotter.prepare("a", "x");
      await assert.rejects(snapshotter.commit("l", "a", { parent: "y" }), code("FailedPrecondition"));
      await snapshotter.commit("l", "a", { parent: "x" });
    }
  });

  test("lets undescribed directories take what the parents show there", async () => {
    await using root = await tempDir();
    await using session = await opened("overlayfs", root.path);
    const { snapshotter } = session;
    await mounted(await snapshotter.prepare("a", undefined), async (tree) => {
      await run(
        "sh",
        [
          "-ec",
          "mkdir -p seen/deep gone/deep file; chown 7:8 seen seen/deep; chmod 1770 seen/deep; touch -d @5.25 seen/deep; chmod 700 gone/deep gone file",
        ],
        { cwd: tree },
      );
    });
    await snapshotter.commit("1", "a");
    await mounted(await snapshotter.prepare("b", "1"), async (tree) => {
      await run("sh", ["-ec", "rm -r gone file; mkdir gone; touch file"], { cwd: tree });
    });
    await snapshotter.commit("2", "b");
    await mounted(await snapshotter.prepare("c", undefined), async (tree) => {
      await run("mkdir", ["-p", "-m", "755", "seen/deep/x", "gone/deep", "file", "new"], { cwd: tree });
    });
    const inherit = ["seen", "seen/deep", "gone", "gone/deep", "file", "new"];
    await snapshotter.commit("3", "c", { parent: "2", inherit });
    const listing = await mounted(await snapshotter.view("v", "3"), async (tree) => {
      const { stdout } = await run("find", [".", "-mindepth", "1", "-printf", "%P %m %U:%G\n"], {
        cwd: tree,
      });
      const time = (await stat(join(tree, "seen/deep"), { bigint: true })).mtimeNs;
      return { lines: stdout.split("\n").sort(), time };
    });
    assert.deepEqual(listing.lines, [
      "",
      "file 755 0:0",
      "gone 755 0:0",
      "gone/deep 755 0:0",
      "new 755 0:0",
      "seen 755 7:8",
      "seen/deep 1770 7:8",
      "seen/deep/x 755 0:0",
    ]);
    assert.equal(listing.time, 5_250_000_000n);
  });
});

test("an image of many layers is mounted", async () => {
  await using root = await tempDir();
  await using session = await opened("overlayfs", root.path);
  const { snapshotter } = session;
  const layers = Array.from({ length: 127 }, (_, index) => `layer-${index}`);
  await Promise.all(layers.map((layer) => snapshotter.prepare(`extract-${layer}`, undefined)));
  let parent: string | undefined;
  for (const layer of layers) {
    await mounted(snapshotter.mounts(`extract-${layer}`), (tree) => writeFile(join(tree, layer), ""));
    await snapshotter.commit(layer, `extract-${layer}`, {
      synced: true,
      ...(parent === undefined ? {} : { parent }),
    });
    parent = layer;
  }
  const names = await mounted(await snapshotter.prepare("c", parent), (tree) => readdir(tree));
  assert.equal(names.length, 127);
});

test("native copies keep owners, modes, times, attributes, links, devices and holes", async () => {
  await using root = await tempDir();
  await using session = await opened("native", root.path);
  const { snapshotter } = session;
  const script = `
    mkdir -p d/e; echo text > d/f; ln d/f d/e/hard; ln -s ../f d/e/soft; mknod d/dev c 1 3; mkfifo d/fifo; truncate -s 8M d/sparse
    printf data | dd of=d/sparse bs=1 seek=4M conv=notrunc status=none; printf 'latin\\351' > "$(printf 'd/n\\351')"
    chown 5:6 d/f d/dev; chown -h 7:8 d/e/soft; chmod 4711 d/f; chmod 1777 d/e;
    find . -depth -exec touch -h -d @1234567890.123456789 {} +`;
  await mounted(await snapshotter.prepare("a", undefined), async (tree) => {
    await run("sh", ["-ec", script], { cwd: tree });
    withDirectory(join(tree, "d"), (d) => setXattrAt(d, "f", "user.k", Buffer.from([0, 255])));
  });
  await snapshotter.commit("layer", "a");
  const original = await mounted(await snapshotter.view("v", "layer"), describeTree);
  const mounts = await snapshotter.prepare("c", "layer");
  const copy = await mounted(mounts, describeTree);
  assert.deepEqual(copy, original);
  assert.match(copy.join("\n"), /d\/f f 4711 5:6 5 1234567890.123456789/);
  const value = await mounted(mounts, async (tree) =>
    withDirectory(join(tree, "d"), (d) => getXattrAt(d, "f", "user.k")),
  );
  assert.deepEqual([...value], [0, 255]);
});

function withDirectory<T>(path: string, use: (fd: number) => T): T {
  const fd = openDirectory(path);
  try {
    return use(fd);
  } finally {
    closeFile(fd);
  }
}

async function describeTree(tree: string): Promise<readonly string[]> {
  const format = "%P %y %m %U:%G %s %T@ %n %b %l\n";
  const { stdout } = await run("find", [".", "-printf", format], { cwd: tree, encoding: "latin1" });
  return stdout.split("\n").sort();
}

test("a copy that the disk has no room for is ResourceExhausted, and nothing of it stays", async () => {
  await using disk = await smallDisk(4 << 20);
  await using records = await tempDir();
  await using database = await openDatabase({ path: join(records.path, "meta.db") });
  await using snapshotters = await Snapshotters.open({ root: disk.path, database, logger });
  const snapshotter = await snapshotters.get("native", "k8s.io");
  const mounts = await snapshotter.prepare("a", undefined);
  await mounted(mounts, (tree) => writeFile(join(tree, "f"), Buffer.alloc(3 << 20, 1)));
  await snapshotter.commit("layer", "a");
  await assert.rejects(snapshotter.prepare("c", "layer"), code("ResourceExhausted"));
  await snapshotter.cleanup();
  assert.deepEqual(
    snapshotter.list().map(({ key }) => key),
    ["layer"],
  );
  assert.deepEqual(await numbered(snapshotter.root), ["1"]);
});

test("a snapshot that no record names stays while it is mounted", async () => {
  await using root = await tempDir();
  const target = join(root.path, "mounted");
  await mkdir(target);
  const open = async (file: string) => {
    await using opened = new AsyncDisposableStack();
    const database = opened.use(await openDatabase({ path: join(root.path, file) }));
    const snapshotters = opened.use(await Snapshotters.open({ root: root.path, database, logger }));
    const snapshotter = await snapshotters.get("overlayfs", "k8s.io");
    const all = opened.move();
    return { snapshotter, [Symbol.asyncDispose]: () => all.disposeAsync() };
  };
  await using _mount = { [Symbol.asyncDispose]: () => unmount(target, { missingOk: true }) };
  {
    await using session = await open("first.db");
    const { snapshotter } = session;
    await snapshotter.prepare("a", undefined);
    await snapshotter.commit("layer", "a");
    await snapshotter.prepare("unused", undefined);
    await mountSnapshot(await snapshotter.prepare("c", "layer"), target);
  }
  await using session = await open("second.db");
  const { snapshotter } = session;
  await snapshotter.cleanup();
  assert.deepEqual((await numbered(snapshotter.root)).toSorted(), ["1", "3"]);
  await unmount(target);
  await snapshotter.cleanup();
  assert.deepEqual(await numbered(snapshotter.root), []);
});

test("a root that mount options cannot hold, and a namespace that is no name, are refused", async () => {
  await using root = await tempDir();
  await using database = await openDatabase({ path: join(root.path, "meta.db") });
  const open = async (path: string, namespace: string) => {
    await using snapshotters = await Snapshotters.open({ root: path, database, logger });
    await snapshotters.get("overlayfs", namespace);
  };
  await assert.rejects(open(join(root.path, "a:b"), "k8s.io"), code("InvalidArgument"));
  await assert.rejects(open(root.path, "../x"), code("InvalidArgument"));
});
