import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chown, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import {
  closeFile,
  getXattrAt,
  mountSnapshot,
  openDirectory,
  setXattrAt,
  unmount,
  unmountBelow,
} from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { applyLayer } from "../../parts/unpack/index.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type SnapshotterKind, Snapshotters } from "./index.ts";
import { code, mounted } from "./testing/mounted.ts";
import { snapshotterSuite } from "./testing/snapshotter-suite.ts";

const run = promisify(execFile);
const logger = createLogger({ level: "silent", format: "json" });
const kinds: readonly SnapshotterKind[] = ["overlayfs", "erofs", "native"];

async function opened(kind: SnapshotterKind, root: string, namespace = "k8s.io") {
  await using undo = new AsyncDisposableStack();
  undo.defer(() => unmountBelow(root));
  const database = undo.use(await openDatabase({ path: join(root, "meta.db") }));
  const events = new PublishedEvents();
  const snapshotters = undo.use(await Snapshotters.open({ root, database, events, logger }));
  const snapshotter = await snapshotters.get(kind, namespace);
  const kept = undo.move();
  return { database, snapshotter, snapshotters, events, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

for (const kind of kinds) {
  snapshotterSuite({
    name: kind,
    open: async (root) => {
      const session = await opened(kind, root);
      await session.snapshotter.makeRoot();
      return session;
    },
    rebase: kind !== "native",
    copiesParents: kind === "native",
  });

  describe(`${kind} snapshots`, () => {
    test("are recorded by another's commit where that is asked for, and go with one that fails", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { database, snapshotter, events } = session;
      await snapshotter.makeRoot();
      const before = await readdir(snapshotter.root);
      await snapshotter.prepare("a", undefined, {
        record: async ({ changes, committed }, mounts) => {
          assert.equal(snapshotter.stat("a"), undefined);
          assert.equal((await readdir(snapshotter.root)).length, before.length + 1);
          await database.commit(changes, committed);
          assert.deepEqual(snapshotter.mounts("a"), mounts);
        },
      });
      const failing = snapshotter.prepare("b", undefined, { record: () => Promise.reject(new Error("no")) });
      await assert.rejects(failing, /no/);
      await snapshotter.cleanup();
      assert.deepEqual(
        snapshotter.list().map(({ key }) => key),
        ["a"],
      );
      assert.equal((await readdir(snapshotter.root)).length, before.length + 1);
      assert.deepEqual(events.take(), [
        ["/snapshot/prepare", "k8s.io", { snapshotter: kind, key: "a", parent: undefined }],
      ]);
    });

    test("are published as they are prepared, committed and removed, and not when that fails", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path, "moby");
      const { snapshotter, events } = session;
      await snapshotter.prepare("a", undefined);
      await assert.rejects(snapshotter.prepare("a", undefined), code("AlreadyExists"));
      await snapshotter.commit("layer-a", "a");
      await assert.rejects(snapshotter.commit("layer-b", "a"), code("NotFound"));
      // The same again, as by a client that did not get the answer.
      await assert.rejects(snapshotter.commit("layer-a", "a"), code("AlreadyExists"));
      await snapshotter.view("v", "layer-a");
      await snapshotter.prepare("b", "layer-a");
      await snapshotter.setLabels("b", { own: "1" });
      await assert.rejects(snapshotter.remove("layer-a"), code("FailedPrecondition"));
      await snapshotter.remove("b");
      assert.deepEqual(events.take(), [
        ["/snapshot/prepare", "moby", { snapshotter: kind, key: "a", parent: undefined }],
        ["/snapshot/commit", "moby", { snapshotter: kind, key: "a", name: "layer-a" }],
        ["/snapshot/prepare", "moby", { snapshotter: kind, key: "b", parent: "layer-a" }],
        ["/snapshot/remove", "moby", { snapshotter: kind, key: "b" }],
      ]);
    });

    test("have a root directory that belongs to whom it belonged in the one below", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path);
      const { snapshotter } = session;
      await mounted(await snapshotter.prepare("given", undefined), (tree) => chown(tree, 100_000, 200_000));
      await snapshotter.commit("layer", "given");
      const { uid, gid } = await mounted(await snapshotter.prepare("on-top", "layer"), (tree) => stat(tree));
      assert.deepEqual([uid, gid], [100_000, 200_000]);
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

    test("leave nothing on the disk of a namespace in which none could be made", async () => {
      await using root = await tempDir();
      await using session = await opened(kind, root.path, "moby");
      const { snapshotter } = session;
      await assert.rejects(snapshotter.prepare("a", "nosuch"), code("NotFound"));
      await assert.rejects(snapshotter.commit("layer", "a"), code("NotFound"));
      await snapshotter.cleanup();
      await assert.rejects(readdir(join(root.path, "snapshots")), { code: "ENOENT" });
      await snapshotter.makeRoot();
      assert.ok((await stat(snapshotter.root)).isDirectory());
    });

    test("that a crash has left without record, or without directory, are gone after the next start", async () => {
      await using root = await tempDir();
      let directory: string;
      let kept: readonly string[];
      {
        await using session = await opened(kind, root.path);
        const { snapshotter } = session;
        directory = snapshotter.root;
        await snapshotter.prepare("a", undefined);
        await snapshotter.commit("layer", "a");
        kept = await numbered(directory);
        await snapshotter.prepare("lost", "layer");
      }
      const [lost = ""] = (await numbered(directory)).filter((name) => !kept.includes(name));
      await rm(join(directory, lost), { recursive: true });
      await mkdir(join(directory, "7777", "fs"), { recursive: true });
      await using session = await opened(kind, root.path);
      await session.snapshotter.cleanup();
      assert.deepEqual(
        session.snapshotter.list().map(({ key }) => key),
        ["layer"],
      );
      assert.deepEqual(await numbered(directory), kept);
      await session.snapshotter.prepare("next", "layer");
      assert.deepEqual(await numbered(directory), [...kept, "7778"].toSorted());
    });
  });
}

async function numbered(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => /^[0-9]+$/.test(name)).sort();
}

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
  await using snapshotters = await Snapshotters.open({
    root: disk.path,
    database,
    events: new PublishedEvents(),
    logger,
  });
  const snapshotter = await snapshotters.get("native", "k8s.io");
  const mounts = await snapshotter.prepare("a", undefined);
  await mounted(mounts, (tree) => writeFile(join(tree, "f"), Buffer.alloc(3 << 20, 1)));
  await snapshotter.commit("layer", "a");
  const kept = await numbered(snapshotter.root);
  await assert.rejects(snapshotter.prepare("c", "layer"), code("ResourceExhausted"));
  await snapshotter.cleanup();
  assert.deepEqual(
    snapshotter.list().map(({ key }) => key),
    ["layer"],
  );
  assert.deepEqual(await numbered(snapshotter.root), kept);
});

test("snapshots whose layers the kernel could not mount are refused with what to do", async () => {
  await using disk = await smallDisk(4 << 20);
  await using records = await tempDir();
  await using database = await openDatabase({ path: join(records.path, "meta.db") });
  const options = { root: disk.path, database, events: new PublishedEvents(), logger };
  await using snapshotters = await Snapshotters.open(options);
  const snapshotter = await snapshotters.get("erofs", "k8s.io");
  await assert.rejects(snapshotter.prepare("a", undefined), (error) => {
    assert.ok(code("FailedPrecondition")(error));
    assert.match(String(error), /cannot mount EROFS from files of this file system.*overlayfs snapshotter/);
    return true;
  });
  await snapshotter.cleanup();
  assert.deepEqual([snapshotter.list(), await numbered(snapshotter.root)], [[], []]);
});

test("layers are refused that are to have fs-verity where there is none, with what to do", async () => {
  await using disk = await smallDisk(4 << 20);
  await using records = await tempDir();
  await using database = await openDatabase({ path: join(records.path, "meta.db") });
  const options = { root: disk.path, database, events: new PublishedEvents(), logger, erofsVerity: true };
  await using snapshotters = await Snapshotters.open(options);
  const snapshotter = await snapshotters.get("erofs", "k8s.io");
  await assert.rejects(snapshotter.prepare("a", undefined), (error) => {
    assert.ok(code("FailedPrecondition")(error));
    assert.match(String(error), /no fs-verity, which images.erofs_verity requires.*tune2fs -O verity/);
    return true;
  });
});

test("a layer that was applied is not committed with files that were written besides", async () => {
  await using root = await tempDir();
  await using session = await opened("erofs", root.path);
  const { snapshotter } = session;
  const mounts = await snapshotter.prepare("extract-a", undefined);
  const target = snapshotter.layerTargetAt(snapshotter.directory("extract-a"));
  assert.ok(target !== undefined);
  const expected = { size: 1024 };
  await applyLayer(Readable.from([Buffer.alloc(1024)]), { target, expected });
  const again = applyLayer(Readable.from([Buffer.alloc(1024)]), { target, expected });
  await assert.rejects(again, code("FailedPrecondition"));
  await mounted(mounts, (tree) => writeFile(join(tree, "besides"), ""));
  await assert.rejects(snapshotter.commit("layer", "extract-a"), code("FailedPrecondition"));
  await mounted(mounts, (tree) => rm(join(tree, "besides")));
  await snapshotter.commit("layer", "extract-a");
  await snapshotter.prepare("container", "layer");
  assert.equal(snapshotter.layerTargetAt(snapshotter.directory("container")), undefined);
});

test("a snapshot that no record names stays while it is mounted", async () => {
  await using root = await tempDir();
  const target = join(root.path, "mounted");
  await mkdir(target);
  const open = async (file: string) => {
    await using opened = new AsyncDisposableStack();
    const database = opened.use(await openDatabase({ path: join(root.path, file) }));
    const snapshotters = opened.use(
      await Snapshotters.open({ root: root.path, database, events: new PublishedEvents(), logger }),
    );
    const snapshotter = await snapshotters.get("overlayfs", "k8s.io");
    const all = opened.move();
    return { snapshotter, [Symbol.asyncDispose]: () => all.disposeAsync() };
  };
  await using _mount = { [Symbol.asyncDispose]: () => unmount(target, { missingOk: true }) };
  let kept: readonly string[];
  {
    await using session = await open("first.db");
    const { snapshotter } = session;
    await snapshotter.prepare("a", undefined);
    await snapshotter.commit("layer", "a");
    await mountSnapshot(await snapshotter.prepare("c", "layer"), target);
    kept = await numbered(snapshotter.root);
    await snapshotter.prepare("unused", undefined);
  }
  await using session = await open("second.db");
  const { snapshotter } = session;
  await snapshotter.cleanup();
  assert.deepEqual(await numbered(snapshotter.root), kept);
  await unmount(target);
  await snapshotter.cleanup();
  assert.deepEqual(await numbered(snapshotter.root), []);
});

test("a snapshot that no record names is not kept by a mount of many layers in another directory", async () => {
  await using root = await tempDir();
  await using session = await opened("overlayfs", root.path);
  const { snapshotter } = session;
  await mkdir(join(snapshotter.root, "7"), { recursive: true });
  const elsewhere = join(root.path, "x".repeat(200));
  const layers = Array.from({ length: 30 }, (_, index) => join(elsewhere, `${index + 1}`));
  const [directory, work, target] = ["upper", "work", "target"].map((name) => join(elsewhere, name));
  assert.ok(directory && work && target);
  for (const path of [...layers, directory, work, target]) await mkdir(path, { recursive: true });
  await using _mount = { [Symbol.asyncDispose]: () => unmount(target, { missingOk: true }) };
  await mountSnapshot([{ type: "overlay", upper: { directory, work }, lower: layers, options: [] }], target);
  await snapshotter.cleanup();
  assert.deepEqual(await numbered(snapshotter.root), []);
});

test("a root that mount options cannot hold, and a namespace that is no name, are refused", async () => {
  await using root = await tempDir();
  await using database = await openDatabase({ path: join(root.path, "meta.db") });
  const open = async (path: string, namespace: string) => {
    await using snapshotters = await Snapshotters.open({
      root: path,
      database,
      events: new PublishedEvents(),
      logger,
    });
    await snapshotters.get("overlayfs", namespace);
  };
  await assert.rejects(open(join(root.path, "a:b"), "k8s.io"), code("InvalidArgument"));
  await assert.rejects(open(root.path, "../x"), code("InvalidArgument"));
});
