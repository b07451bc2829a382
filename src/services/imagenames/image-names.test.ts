import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Descriptor, type Digest, digestOf } from "../../parts/oci/index.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ImageNameStore, type ImageNames } from "./index.ts";

async function opened(root: string) {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  const events = new PublishedEvents();
  const store = await ImageNameStore.open(database, events);
  return {
    database,
    events,
    names: store.inNamespace("k8s.io"),
    inNamespace: (namespace: string): ImageNames => store.inNamespace(namespace),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

function target(text: string, more: Partial<Descriptor> = {}): Descriptor {
  const mediaType = "application/vnd.oci.image.index.v1+json";
  return { mediaType, digest: digestOf(Buffer.from(text)), size: text.length, ...more };
}

const namesOf = (names: ImageNames): readonly string[] => names.list().map(({ name }) => name);

test("a name has target, labels and times, also after a restart, and needs no content", async () => {
  await using root = await tempDir();
  const artifact = target("chart", {
    mediaType: "application/vnd.example+json",
    annotations: { "org.example/a": "1" },
    platform: { os: "plan9", architecture: "mips" },
  });
  const created = await (async () => {
    await using open = await opened(root.path);
    return await open.names.create({ name: "chart:1", target: artifact, labels: { a: "1", empty: "" } });
  })();
  assert.equal(created.createdAtNs, created.updatedAtNs);
  assert.ok(created.createdAtNs > 0n);
  assert.deepEqual(created.labels, { a: "1" });
  assert.deepEqual(created.target, artifact);
  await using open = await opened(root.path);
  assert.deepEqual(open.names.get("chart:1"), created);
  await assert.rejects(open.names.create({ name: "chart:1", target: artifact }), {
    name: "ImageNameError",
    code: "AlreadyExists",
  });
});

test("an update changes target or labels, merged or replaced, and the time of the change alone", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { names } = open;
  const before = await names.create({ name: "a", target: target("1"), labels: { a: "1", b: "2" } });
  const merged = await names.update("a", () => ({ labels: { b: "", c: "3" } }));
  assert.deepEqual([merged.labels, merged.target], [{ a: "1", c: "3" }, before.target]);
  const moved = await names.update("a", () => ({ target: target("2") }));
  assert.deepEqual([moved.labels, moved.target], [merged.labels, target("2")]);
  const replaced = await names.update("a", () => ({ labels: { d: "4" }, how: "replace" }));
  assert.deepEqual(replaced.labels, { d: "4" });
  assert.equal(replaced.createdAtNs, before.createdAtNs);
  assert.ok(replaced.updatedAtNs > before.updatedAtNs);
  assert.deepEqual(names.get("a"), replaced);
  await assert.rejects(
    names.update("b", () => ({ labels: {} })),
    { name: "ImageNameError", code: "NotFound" },
  );
});

test("names are pointed at a target together, and keep labels and what needs no change", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { names } = open;
  const pinned = await names.create({ name: "a", target: target("1"), labels: { pinned: "yes" } });
  await names.point(["a", "a@digest", "a"], target("2"));
  assert.deepEqual(namesOf(names), ["a", "a@digest"]);
  const moved = names.get("a");
  assert.deepEqual([moved?.labels, moved?.target], [pinned.labels, target("2")]);
  assert.equal(moved?.createdAtNs, pinned.createdAtNs);
  await names.point(["a"], target("2"));
  assert.deepEqual(names.get("a"), moved);
});

test("changes that are made at the same time are all there", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { names } = open;
  const made = await Promise.allSettled([1, 2].map(() => names.create({ name: "a", target: target("1") })));
  assert.deepEqual(made.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  await names.create({ name: "b", target: target("1") });
  await Promise.all([
    names.updateAll(["a", "b", "nowhere"], { labels: { all: "yes" } }),
    names.update("b", () => ({ labels: { one: "yes" } })),
    names.updateAll(["b", "a"], { labels: { again: "yes" } }),
  ]);
  assert.deepEqual(Object.keys(names.get("a")?.labels ?? {}).sort(), ["again", "all"]);
  assert.deepEqual(Object.keys(names.get("b")?.labels ?? {}).sort(), ["again", "all", "one"]);
});

test("names are deleted if they exist, and where it is asked for if they stand for a target", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { names } = open;
  await names.point(["a", "b"], target("1"));
  await names.point(["c"], target("2"));
  assert.deepEqual(await names.delete(["b", "c", "d"], target("1").digest), ["b"]);
  assert.deepEqual(await names.delete(["a", "d"]), ["a"]);
  assert.deepEqual(namesOf(names), ["c"]);
});

test("who watches is told of changes in its own namespace, which sees no names of another", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const moby = open.inNamespace("moby");
  let changes = 0;
  using _watch = moby.watch(() => changes++);
  await open.names.create({ name: "a", target: target("1") });
  assert.deepEqual([namesOf(moby), changes], [[], 0]);
  await moby.create({ name: "a", target: target("2") });
  assert.equal(changes, 1);
  await moby.delete(["a"]);
  assert.equal(changes, 2);
  assert.deepEqual(namesOf(open.names), ["a"]);
  assert.throws(() => open.inNamespace("../x"), { code: "InvalidArgument" });
});

test("what is no name and no target is refused, with nothing changed", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { names } = open;
  const invalid = { name: "ImageNameError", code: "InvalidArgument" };
  const digest = "sha256:0" as Digest;
  await assert.rejects(names.create({ name: "", target: target("1") }), invalid);
  await assert.rejects(names.create({ name: "a", target: target("1", { digest }) }), invalid);
  await assert.rejects(names.create({ name: "a", target: target("1", { size: 0 }) }), invalid);
  await assert.rejects(names.point(["a", "b"], target("1", { mediaType: "" })), invalid);
  await assert.rejects(names.create({ name: "a", target: target("1"), labels: { key: "v".repeat(5000) } }), {
    name: "LabelsError",
    code: "InvalidArgument",
  });
  assert.deepEqual(names.list(), []);
});

test("each name that a call changes is published, once all of it is durable, and none where it fails", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { names, events, database } = open;
  const app = target("app");
  await names.create({ name: "app:1", target: app, labels: { a: "1" } });
  await assert.rejects(names.create({ name: "app:1", target: app }), { code: "AlreadyExists" });
  await assert.rejects(
    names.update("gone", () => ({ labels: {} })),
    { code: "NotFound" },
  );
  await names.point(["app:1", "app:2"], app);
  await names.point(["app:1", "app:2"], target("newer"));
  await names.updateAll(["app:2", "gone"], { labels: { b: "2" } });
  await names.delete(["app:1", "gone"]);
  await names.delete(["gone"]);
  await database[Symbol.asyncDispose]();
  await assert.rejects(names.delete(["app:2"]), { code: "Unavailable" });
  assert.deepEqual(events.take(), [
    ["/images/create", "k8s.io", { name: "app:1", labels: { a: "1" } }],
    ["/images/create", "k8s.io", { name: "app:2", labels: {} }],
    ["/images/update", "k8s.io", { name: "app:1", labels: { a: "1" } }],
    ["/images/update", "k8s.io", { name: "app:2", labels: {} }],
    ["/images/update", "k8s.io", { name: "app:2", labels: { b: "2" } }],
    ["/images/delete", "k8s.io", { name: "app:1" }],
  ]);
});
