import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { type NamespaceStorage, Storage } from "./index.ts";

const logger = createLogger({ level: "silent", format: "json" });
const layer = Buffer.from("a layer");

async function opened(root: string) {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await openDatabase({ path: join(root, "metadata.db") }));
  const events = new PublishedEvents();
  const storage = undo.use(await Storage.open({ root, database, events, logger, gcDelayMs: 0 }));
  const all = undo.move();
  return { storage, events, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** A blob and a snapshot, the same in every namespace. */
async function fill({ content }: NamespaceStorage, snapshotter: Snapshotter): Promise<void> {
  await content.put(layer, { digest: digestOf(layer) });
  await snapshotter.prepare("extract", undefined);
  await snapshotter.commit("layer", "extract");
}

test("a namespace sees nothing of another's, and a collection in one leaves the other's", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const [cri, moby] = [await open.storage.inNamespace("k8s.io"), await open.storage.inNamespace("moby")];
  assert.equal(await open.storage.inNamespace("moby"), moby);
  const own = await cri.snapshotter("overlayfs");
  await fill(cri, own);
  await cri.leases.create();
  assert.deepEqual([moby.content.list(), moby.leases.list(), moby.snapshotters()], [[], [], []]);
  assert.equal(moby.content.has(digestOf(layer)), false);
  const other = await moby.snapshotter("overlayfs");
  assert.deepEqual(other.list(), []);
  await fill(moby, other);
  moby.addRoots(() => [
    { kind: "content", digest: digestOf(layer) },
    { kind: "snapshot", snapshotter: "overlayfs", key: "layer" },
  ]);
  await cri.garbage.collect();
  assert.deepEqual([cri.content.list(), own.list()], [[], []]);
  await moby.garbage.collect();
  assert.deepEqual([moby.content.list().length, other.list().map(({ key }) => key)], [1, ["layer"]]);
  assert.ok(layer.equals(await moby.content.read(digestOf(layer), 100)));
});

test("snapshots of a snapshotter that is chosen no more are collected with the others", async () => {
  await using root = await tempDir();
  {
    await using open = await opened(root.path);
    const cri = await open.storage.inNamespace("k8s.io");
    const native = await cri.snapshotter("native");
    await fill(cri, native);
    await native.prepare("container", "layer");
    await native.prepare("extract", undefined);
    await native.commit("garbage", "extract");
  }
  await using open = await opened(root.path);
  const cri = await open.storage.inNamespace("k8s.io");
  await cri.snapshotter("overlayfs");
  assert.deepEqual(
    cri
      .snapshotters()
      .map(({ name }) => name)
      .sort(),
    ["native", "overlayfs"],
  );
  await cri.garbage.collect();
  const native = await cri.snapshotter("native");
  assert.deepEqual(
    native.list().map(({ key }) => key),
    ["container", "layer"],
  );
  await until(async () => (await readdir(native.root)).length === 2);
});

test("a container keeps the snapshot that is its root file system, also one that nobody can write to", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const moby = await open.storage.inNamespace("moby");
  const snapshotter = await moby.snapshotter("overlayfs");
  await fill(moby, snapshotter);
  await moby.containers.create({
    id: "web",
    labels: {},
    image: "",
    runtime: { name: "crun" },
    snapshotter: "overlayfs",
    snapshotKey: "layer",
    extensions: {},
  });
  await moby.garbage.collect();
  assert.deepEqual(
    snapshotter.list().map(({ key }) => key),
    ["layer"],
  );
  await moby.containers.delete("web");
  await moby.garbage.collect();
  assert.deepEqual(snapshotter.list(), []);
});

test("a name of an image keeps what its target reaches from collection, in its own namespace", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const moby = await open.storage.inNamespace("moby");
  const cri = await open.storage.inNamespace("k8s.io");
  const index = Buffer.from("an index");
  const labels = { "containerd.io/gc.ref.content.m.0": digestOf(layer) };
  for (const { content } of [moby, cri]) {
    await content.put(layer, { digest: digestOf(layer) });
    await content.put(index, { digest: digestOf(index), labels });
  }
  const target = { mediaType: "application/x", digest: digestOf(index), size: index.length };
  await moby.imageNames.create({ name: "app", target });
  await Promise.all([moby.garbage.collect(), cri.garbage.collect()]);
  assert.deepEqual([moby.content.list().length, cri.content.list().length], [2, 0]);
  await moby.imageNames.delete(["app"]);
  await moby.garbage.collect();
  assert.deepEqual(moby.content.list(), []);
});

test("what is collected is published as what is deleted, snapshots from the top down", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const moby = await open.storage.inNamespace("moby");
  const snapshotter = await moby.snapshotter("overlayfs");
  await fill(moby, snapshotter);
  await snapshotter.prepare("extract", "layer");
  await snapshotter.commit("top", "extract");
  open.events.take();
  await moby.garbage.collect();
  const events = open.events.take();
  const removed = events.filter(([topic]) => topic === "/snapshot/remove");
  assert.deepEqual(removed, [
    ["/snapshot/remove", "moby", { snapshotter: "overlayfs", key: "top" }],
    ["/snapshot/remove", "moby", { snapshotter: "overlayfs", key: "layer" }],
  ]);
  assert.deepEqual(
    events.filter((event) => !removed.includes(event)),
    [["/content/delete", "moby", { digest: digestOf(layer) }]],
  );
});

test("what is no name of a namespace is refused", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  await assert.rejects(open.storage.inNamespace("../x"), { code: "InvalidArgument" });
});

test("what a crash has left in a namespace that nobody asks for goes at the next start", async () => {
  await using root = await tempDir();
  const directory = join(root.path, "snapshots", "overlayfs", "moby");
  {
    await using open = await opened(root.path);
    await (await open.storage.inNamespace("moby")).snapshotter("overlayfs");
  }
  // Between the making of its directory and that of its record.
  await mkdir(join(directory, "7", "fs"), { recursive: true });
  await using open = await opened(root.path);
  await open.storage.collectOthers("k8s.io");
  await until(async () => !(await readdir(directory)).includes("7"));
});

test("a namespace with sandboxes alone is not empty", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { sandboxes } = await open.storage.inNamespace("moby");
  await sandboxes.create({ id: "s", labels: {}, runtime: { name: "r" }, extensions: {}, sandboxer: "" });
  assert.deepEqual(open.storage.contentsOf("moby"), ["sandboxes"]);
  await assert.rejects(open.storage.deleteNamespace("moby"), {
    code: "FailedPrecondition",
    message: /still has sandboxes/,
  });
});
