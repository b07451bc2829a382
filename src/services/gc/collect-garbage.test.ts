import assert from "node:assert/strict";
import { mkdir, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Labels } from "../../ground/labels/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Digest, digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { type ContentStore, openContent } from "../content/index.ts";
import { ServiceEvents } from "../events/index.ts";
import { type Lease, type LeaseResource, LeaseStore, type Leases } from "../leases/index.ts";
import { type Snapshotter, Snapshotters } from "../snapshots/index.ts";
import { collectGarbage, type GarbageOptions, type RemovedGarbage } from "./index.ts";

const namespace = "k8s.io";
const logger = createLogger({ level: "silent", format: "json" });

type Roots = ReturnType<GarbageOptions["roots"]>;

/** Real stores under a directory of their own. */
class Stores implements AsyncDisposable {
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly snapshotter: Snapshotter;
  readonly #opened: AsyncDisposableStack;

  private constructor(
    content: ContentStore,
    leases: Leases,
    snapshotter: Snapshotter,
    opened: AsyncDisposableStack,
  ) {
    this.content = content;
    this.leases = leases;
    this.snapshotter = snapshotter;
    this.#opened = opened;
  }

  static async open(): Promise<Stores> {
    await using undo = new AsyncDisposableStack();
    const { path: root } = undo.use(await tempDir());
    const database = undo.use(await openDatabase({ path: join(root, "metadata.db") }));
    const events = new ServiceEvents();
    const snapshotters = undo.use(await Snapshotters.open({ root, database, events, logger }));
    const snapshotter = await snapshotters.get("overlayfs", namespace);
    const content = (await openContent({ root, database, events })).inNamespace(namespace);
    return new Stores(
      content,
      (await LeaseStore.open(database)).inNamespace(namespace),
      snapshotter,
      undo.move(),
    );
  }

  /** A blob whose bytes are the text. */
  async blob(text: string, labels: Labels = {}): Promise<Digest> {
    const digest = digestOf(Buffer.from(text));
    await this.content.put(Buffer.from(text), { digest, labels });
    return digest;
  }

  /** A committed snapshot of that name. */
  async layer(name: string, parent: string | undefined, labels: Labels = {}): Promise<string> {
    await this.snapshotter.prepare(`extract ${name}`, parent);
    await this.snapshotter.commit(name, `extract ${name}`, { labels });
    return name;
  }

  async lease(resources: readonly LeaseResource[], expiresAtNs?: bigint): Promise<Lease> {
    const lease = await this.leases.create(expiresAtNs === undefined ? {} : { expiresAtNs });
    await this.leases.addResources(lease.id, resources);
    return lease;
  }

  collect(roots: () => Roots = () => []): Promise<RemovedGarbage> {
    const { content, leases, snapshotter } = this;
    return collectGarbage({ content, leases, snapshotters: [snapshotter], roots });
  }

  digests(): readonly Digest[] {
    return this.content.list().map(({ digest }) => digest);
  }

  keys(): readonly string[] {
    return this.snapshotter
      .list()
      .map(({ key }) => key)
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

const content = (digest: Digest): LeaseResource & { kind: "content" } => ({ kind: "content", digest });
const snapshot = (key: string): LeaseResource & { kind: "snapshot" } => ({
  kind: "snapshot",
  snapshotter: "overlayfs",
  key,
});

test("what an image's target refers to stays, over blobs and snapshots and their parents, and all else goes", async () => {
  await using stores = await Stores.open();
  await stores.layer("base", undefined);
  await stores.layer("top", "base");
  await stores.layer("other", "base");
  await stores.layer("other top", "other");
  const layer = await stores.blob("layer");
  const config = await stores.blob("config", { "containerd.io/gc.ref.snapshot.overlayfs": "top" });
  const manifest = await stores.blob("manifest", {
    "containerd.io/gc.ref.content.config": config,
    "containerd.io/gc.ref.content.l.0": layer,
    "containerd.io/gc.ref.content.l.1": digestOf(Buffer.from("never fetched")),
  });
  const index = await stores.blob("index", { "containerd.io/gc.ref.content": manifest });
  await stores.blob("garbage", { "containerd.io/gc.ref.content": manifest, other: layer });
  const removed = await stores.collect(() => [content(index)]);
  assert.deepEqual(new Set(stores.digests()), new Set([layer, config, manifest, index]));
  assert.deepEqual(stores.keys(), ["base", "top"]);
  assert.deepEqual(removed, { blobs: 1, blobBytes: "garbage".length, snapshots: 2, ingests: 0 });
});

test("once nothing refers to it everything goes, and a second collection finds nothing", async () => {
  await using stores = await Stores.open();
  await stores.layer("base", undefined);
  await stores.layer("top", "base");
  await stores.blob("config", { "containerd.io/gc.ref.snapshot.overlayfs": "top" });
  assert.deepEqual(await stores.collect(), { blobs: 1, blobBytes: 6, snapshots: 2, ingests: 0 });
  assert.deepEqual([stores.digests(), stores.keys()], [[], []]);
  assert.deepEqual(await stores.collect(), { blobs: 0, blobBytes: 0, snapshots: 0, ingests: 0 });
});

test("blobs that refer to each other in a circle are garbage together", async () => {
  await using stores = await Stores.open();
  const a = await stores.blob("a");
  const b = await stores.blob("b", { "containerd.io/gc.ref.content": a });
  await stores.content.setLabels(a, { "containerd.io/gc.ref.content": b });
  assert.equal((await stores.collect(() => [content(a)])).blobs, 0);
  assert.equal((await stores.collect()).blobs, 2);
});

test("a label makes a root of a blob or a snapshot", async () => {
  await using stores = await Stores.open();
  await stores.layer("base", undefined);
  await stores.layer("kept", "base", { "containerd.io/gc.root": "2030-01-01T00:00:00Z" });
  const kept = await stores.blob("kept", { "containerd.io/gc.root.build": "yes" });
  await stores.collect();
  assert.deepEqual([stores.digests(), stores.keys()], [[kept], ["base", "kept"]]);
});

test("a blob holds a snapshot on a condition that the snapshot's label meets", async () => {
  await using stores = await Stores.open();
  const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
  const label = "containerd.io/gc.cond.snapshot.overlayfs";
  const cases = {
    recent: { [label]: "usedat<2h|recent" },
    old: { [label]: "usedat<30m|old" },
    rested: { [`${label}/second`]: "usedat>30m|rested" },
    either: { [label]: "unknown=1,usedat<1m,usedat<1h30m|either" },
    equal: { [label]: "usedat=1h|equal" },
    unsaid: { [label]: "unsaid" },
  };
  for (const name of Object.keys(cases))
    await stores.layer(name, undefined, { "containerd.io/gc.cond.value-usedat": hourAgo });
  await stores.layer("never", undefined);
  await stores.layer("garbage", undefined, { "containerd.io/gc.cond.value-usedat": hourAgo });
  const labels = [...Object.values(cases), { [label]: "usedat<2h|never" }];
  const holders = await Promise.all(labels.map((each, index) => stores.blob(`${index}`, each)));
  await stores.blob("garbage", { [label]: "usedat<2h|garbage" });
  await stores.collect(() => holders.map(content));
  assert.deepEqual(stores.keys(), ["either", "recent", "rested"]);
});

test("active snapshots and views stay with what they lie on", async () => {
  await using stores = await Stores.open();
  await stores.layer("base", undefined);
  await stores.layer("unused", "base");
  await stores.snapshotter.prepare("container", "base");
  await stores.snapshotter.view("reader", "base");
  await stores.collect();
  assert.deepEqual(stores.keys(), ["base", "container", "reader"]);
});

test("active snapshots and views that need a hold go with what they lie on, unless a root or a lease holds them", async () => {
  await using stores = await Stores.open();
  await stores.layer("base", undefined);
  for (const key of ["loose", "leased", "container"])
    await stores.snapshotter.prepare(key, "base", { needsHold: true });
  await stores.snapshotter.view("reader", "base", { needsHold: true });
  const lease = await stores.lease([snapshot("leased")]);
  const removed = await stores.collect(() => [snapshot("container")]);
  assert.equal(removed.snapshots, 2);
  assert.deepEqual(stores.keys(), ["base", "container", "leased"]);
  await stores.leases.delete(lease.id);
  await stores.collect();
  assert.deepEqual(stores.keys(), []);
});

test("a hold protects its resources until it ends", async () => {
  await using stores = await Stores.open();
  const layer = await stores.blob("layer");
  const config = await stores.blob("config", { "containerd.io/gc.ref.content.l.0": layer });
  {
    using hold = stores.leases.hold();
    await hold.add([content(config)]);
    assert.equal((await stores.collect()).blobs, 0);
  }
  assert.equal((await stores.collect()).blobs, 2);
});

test("a lease protects its resources until it is deleted or has expired", async () => {
  await using stores = await Stores.open();
  await stores.layer("layer", undefined);
  const config = await stores.blob("config", { "containerd.io/gc.ref.snapshot.overlayfs": "layer" });
  const expired = await stores.blob("expired");
  const lease = await stores.lease([content(config)]);
  await stores.lease([content(expired)], 1n);
  assert.equal((await stores.collect()).blobs, 1);
  assert.deepEqual([stores.digests(), stores.keys()], [[config], ["layer"]]);
  assert.deepEqual(
    stores.leases.list().map(({ id }) => id),
    [lease.id],
  );
  await stores.leases.delete(lease.id);
  await stores.collect();
  assert.deepEqual([stores.digests(), stores.keys()], [[], []]);
});

test("what is seen after it was leased stays, however many collections run", async () => {
  await using stores = await Stores.open();
  const abort = new AbortController();
  const collecting = (async () => {
    let collections = 0;
    for (; !abort.signal.aborted; collections++) await stores.collect();
    return collections;
  })();
  for (let round = 0; round < 25; round++) {
    const text = `blob ${round % 3}`;
    const digest = digestOf(Buffer.from(text));
    const key = `layer ${round % 3}`;
    const lease = await stores.lease([content(digest), snapshot(key)]);
    if (!stores.content.has(digest)) await stores.blob(text);
    if (stores.snapshotter.stat(key) === undefined) await stores.layer(key, undefined);
    assert.equal(Buffer.from(await stores.content.read(digest, 100)).toString(), text);
    await stores.snapshotter.prepare("container", key);
    await stores.leases.delete(lease.id);
    await stores.snapshotter.remove("container");
  }
  abort.abort();
  assert.ok((await collecting) > 0);
});

test("a blob that is seen once it is leased stays, at whatever moment of a collection that is", async () => {
  await using stores = await Stores.open();
  for (let turns = 0; turns < 15; turns++) {
    const digest = await stores.blob(`blob ${turns}`);
    const lease = await stores.lease([]);
    const collected = stores.collect();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await stores.leases.addResources(lease.id, [content(digest)]);
    const seen = stores.content.has(digest);
    await collected;
    assert.equal(stores.content.has(digest), seen, `${turns} turns after the start of the collection`);
  }
});

test("roots are asked for when leases are frozen: an image recorded just before its lease goes is among them", async () => {
  await using stores = await Stores.open();
  const digest = await stores.blob("config");
  const lease = await stores.lease([content(digest)]);
  const images: (LeaseResource & { kind: "content" })[] = [];
  const frozen = await stores.leases.freeze();
  const collected = stores.collect(() => images);
  images.push(content(digest));
  const deleted = stores.leases.delete(lease.id);
  frozen[Symbol.dispose]();
  await Promise.all([collected, deleted]);
  assert.deepEqual(stores.digests(), [digest]);
});

test("a directory that could not be deleted before goes with the next collection", async () => {
  await using stores = await Stores.open();
  const left = join(stores.snapshotter.root, "77");
  await mkdir(join(left, "fs", "usr"), { recursive: true });
  await stores.collect();
  await until(async () => !(await readdir(stores.snapshotter.root)).includes("77"));
});

test("an ingest goes when it is a day old and no lease names it", async () => {
  await using stores = await Stores.open();
  const dayBefore = new Date(Date.now() - 25 * 3_600_000);
  for (const ref of ["old", "old but leased", "new"]) {
    await using writer = await stores.content.writer(ref);
    await writer.write(Buffer.from("half"));
    if (ref !== "new") await utimes(writer.path, dayBefore, dayBefore);
  }
  await stores.lease([{ kind: "ingest", ref: "old but leased" }]);
  assert.equal((await stores.collect()).ingests, 1);
  const left = (await stores.content.ingests()).map(({ ref }) => ref);
  assert.deepEqual(left.sort(), ["new", "old but leased"]);
});
