import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { mountSnapshot, type SnapshotMount, unmountBelow } from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { applyLayer } from "../../parts/unpack/index.ts";
import { listTree } from "../../parts/unpack/testing/apply.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { type ContentStore, openContent } from "../content/index.ts";
import { type Snapshotter, type SnapshotterKind, Snapshotters } from "../snapshots/index.ts";
import { mounted } from "../snapshots/testing/mounted.ts";
import { type LayerBlob, LayerDiffs } from "./index.ts";

const run = promisify(execFile);
const logger = createLogger({ level: "silent", format: "json" });
const signal = new AbortController().signal;

/** What is done for each snapshot, on top of the one before. */
const steps = {
  base: "mkdir -p etc/drop bin; echo a > etc/a; echo b > etc/b; echo c > etc/drop/c; echo sh > bin/sh; chmod 4755 bin/sh",
  second: "rm etc/a; echo second > second; ln bin/sh bin/ash",
  container:
    "rm -r etc/drop; mkdir etc/drop; echo d > etc/drop/d; rm second; echo longer > etc/b; chown 5:6 etc/b; mkfifo pipe; ln -s b etc/s",
} as const;

type Opened = AsyncDisposable & {
  readonly snapshotter: Snapshotter;
  readonly content: ContentStore;
  readonly diffs: LayerDiffs;
  /** Where trees are mounted. */
  readonly mounts: string;
};

/**
 * With committed snapshots `base` and `second`, and an active one, `container`, changed as {@link steps}
 * says.
 */
async function open(kind: SnapshotterKind): Promise<Opened> {
  await using undo = new AsyncDisposableStack();
  const { path: root } = undo.use(await tempDir());
  undo.defer(() => unmountBelow(root));
  const database = undo.use(await openDatabase({ path: join(root, "metadata.db") }));
  const events = new PublishedEvents();
  const snapshotters = undo.use(await Snapshotters.open({ root, database, events, logger }));
  const snapshotter = await snapshotters.get(kind, "k8s.io");
  const content = (await openContent({ root, database, events })).inNamespace("k8s.io");
  const mounts = join(root, "mounts");
  await mkdir(mounts);
  let parent: string | undefined;
  for (const [name, script] of Object.entries(steps)) {
    const key = name === "container" ? name : `making-${name}`;
    await mounted(await snapshotter.prepare(key, parent), (cwd) => run("sh", ["-ec", script], { cwd }));
    if (name !== "container") await snapshotter.commit(name, key);
    parent = name;
  }
  const opened = undo.move();
  const diffs = await LayerDiffs.open(mounts, new HostPaths({ answerMs: 500, slowMs: 50 }));
  return { snapshotter, content, diffs, mounts, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** The tree that a layer makes of a committed snapshot. */
async function unpacked(
  { snapshotter, content }: Opened,
  { descriptor, diffId }: LayerBlob,
  parent: string | undefined,
): Promise<readonly string[]> {
  const { digest, size } = descriptor;
  await snapshotter.prepare("unpacked", parent);
  const target = snapshotter.layerTarget("unpacked");
  await applyLayer(createReadStream(content.path(digest)), { target, expected: { digest, size, diffId } });
  await snapshotter.commit("result", "unpacked");
  return await mounted(await snapshotter.view("look", "result"), listTree);
}

const lowerOf = async ({ snapshotter }: Opened, parent: string | undefined) => ({
  lower: await snapshotter.view("lower", parent),
});

for (const kind of ["overlayfs", "erofs", "native"] as const) {
  for (const parent of ["second", "base", undefined]) {
    test(`${kind}: what a container has changed of ${parent ?? "nothing"} is a layer that makes the same tree again`, async () => {
      await using opened = await open(kind);
      const { snapshotter, content, diffs, mounts } = opened;
      const upper = snapshotter.mounts("container");
      const compared = { ...(await lowerOf(opened, parent)), upper };
      const options = { compression: "gzip", signal, labels: { a: "1" } } as const;
      const layer = await diffs.compare(content, compared, options);
      assert.deepEqual(content.info(layer.descriptor.digest).labels, {
        a: "1",
        "containerd.io/uncompressed": layer.diffId,
      });
      assert.equal(content.info(layer.descriptor.digest).sizeBytes, layer.descriptor.size);
      assert.deepEqual(await diffs.compare(content, compared, options), layer);
      assert.deepEqual(await unpacked(opened, layer, parent), await mounted(upper, listTree));
      assert.deepEqual([await readdir(mounts), await content.ingests()], [[], []]);
      // Between a snapshot and its grandparent, a layer may mark as deleted what only the parent has.
      if (parent === "base") return;
      const again = { lower: compared.lower, upper: snapshotter.mounts("look") };
      assert.equal((await diffs.compare(content, again, options)).diffId, layer.diffId);
    });
  }
}

test("a committed snapshot is compared with its parent by its own layer, whether something lies below or not", async () => {
  await using opened = await open("overlayfs");
  const { snapshotter, content, diffs } = opened;
  const options = { compression: "none", signal } as const;
  const second = await snapshotter.view("upper", "second");
  const layer = await diffs.compare(content, { ...(await lowerOf(opened, "base")), upper: second }, options);
  const list = await run("tar", ["-tf", content.path(layer.descriptor.digest)]);
  assert.deepEqual(list.stdout.trim().split("\n").sort(), [
    "bin/",
    "bin/ash",
    "bin/sh",
    "etc/",
    "etc/.wh.a",
    "second",
  ]);
  const none = await snapshotter.view("nothing", undefined);
  const base = await snapshotter.view("upper-base", "base");
  const bottom = await diffs.compare(content, { lower: none, upper: base }, options);
  assert.deepEqual(await unpacked(opened, bottom, undefined), await mounted(base, listTree));
});

test("a snapshot in which nothing has changed is an empty layer", async () => {
  await using opened = await open("overlayfs");
  const upper = await opened.snapshotter.prepare("unchanged", "base");
  const compared = { ...(await lowerOf(opened, "base")), upper };
  const layer = await opened.diffs.compare(opened.content, compared, { compression: "none", signal });
  assert.equal(layer.descriptor.size, 1024);
});

test("what no layer can say is an error that leaves nothing", async () => {
  await using opened = await open("overlayfs");
  const { snapshotter, content, diffs } = opened;
  const upper = snapshotter.mounts("container");
  await mounted(upper, (tree) => writeFile(join(tree, ".wh.x"), ""));
  const compared = { ...(await lowerOf(opened, "second")), upper };
  await assert.rejects(diffs.compare(content, compared, { compression: "gzip", signal }), {
    name: "DiffError",
    code: "FailedPrecondition",
    message: /"\.wh\.x"/,
  });
  assert.deepEqual([content.list(), await content.ingests()], [[], []]);
});

/** A tree that is all but endless to read, without bytes on the disk. */
async function endlessTree(directory: string): Promise<SnapshotMount> {
  await writeFile(join(directory, "sparse"), "");
  await truncate(join(directory, "sparse"), 2 ** 40);
  return { type: "bind", source: directory, readonly: true };
}

test("a layer that is not wanted any more is written no further, and nothing of it is left", async () => {
  await using opened = await open("overlayfs");
  await using scratch = await tempDir();
  const { content, diffs } = opened;
  const upper = [await endlessTree(scratch.path)];
  const abort = new AbortController();
  const written = diffs.compare(content, { lower: [], upper }, { compression: "none", signal: abort.signal });
  written.catch(() => undefined);
  await until(async () => (await content.ingests()).some(({ offsetBytes }) => offsetBytes > 0));
  abort.abort(new Error("not wanted"));
  await assert.rejects(written, { message: "not wanted" });
  assert.deepEqual([content.list(), await content.ingests()], [[], []]);
});

test("a layer that is given up while it waits for its ref leaves what another writer has under it", async () => {
  await using opened = await open("overlayfs");
  const { content, diffs, snapshotter } = opened;
  const compared = { ...(await lowerOf(opened, "second")), upper: snapshotter.mounts("container") };
  const abort = new AbortController();
  await using other = await content.writer("shared");
  const options = { compression: "gzip", signal: abort.signal } as const;
  const waiting = diffs.compare(content, compared, { ...options, ref: "shared" });
  waiting.catch(() => undefined);
  // Once another one, begun later, is written to its end, this one waits.
  await diffs.compare(content, compared, { ...options, ref: "own" });
  abort.abort(new Error("not wanted"));
  await assert.rejects(waiting, { message: "not wanted" });
  const bytes = Buffer.from("of another one");
  await writeFile(other.path, bytes);
  await other.commit({ digest: digestOf(bytes), size: bytes.length });
  assert.equal(content.has(digestOf(bytes)), true);
});

test("a tree on a file system that does not answer ends its own comparison alone, after a while", async () => {
  await using opened = await open("overlayfs");
  await using scratch = await tempDir();
  await using dead = await deadFileSystem(scratch.path);
  const { content, diffs, snapshotter } = opened;
  const overlay = { type: "overlay", upper: undefined, options: [] } as const;
  const lower = [dead.path, opened.mounts];
  const stuck = diffs.compare(
    content,
    { lower: [], upper: [{ ...overlay, lower }] },
    { compression: "gzip", signal },
  );
  stuck.catch(() => undefined);
  const upper = snapshotter.mounts("container");
  await diffs.compare(
    content,
    { ...(await lowerOf(opened, "second")), upper },
    { compression: "gzip", signal },
  );
  await assert.rejects(stuck, { name: "HostPathError", code: "Unavailable" });
});

test("mounts that a daemon that was killed has left are gone once another one has started", async () => {
  await using scratch = await tempDir();
  const left = join(scratch.path, "mounts", "diff-left");
  const source = join(scratch.path, "source");
  await mkdir(left, { recursive: true });
  await mkdir(source);
  await writeFile(join(source, "kept"), "");
  await mountSnapshot([{ type: "bind", source, readonly: true }], left);
  await LayerDiffs.open(join(scratch.path, "mounts"), new HostPaths());
  assert.deepEqual([await readdir(join(scratch.path, "mounts")), await readdir(source)], [[], ["kept"]]);
});

test("a caller can hold a blob before it is there", async () => {
  await using opened = await open("overlayfs");
  const { snapshotter, content, diffs } = opened;
  const compared = { ...(await lowerOf(opened, "second")), upper: snapshotter.mounts("container") };
  const held: [string, boolean][] = [];
  const layer = await diffs.compare(content, compared, {
    compression: "zstd",
    signal,
    hold: async (digest) => void held.push([digest, content.has(digest)]),
  });
  assert.deepEqual(held, [[layer.descriptor.digest, false]]);
});
