import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../ground/metadata/index.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { checkNamespace, NamespaceStore } from "./index.ts";

async function opened(root: string) {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  const events = new PublishedEvents();
  const namespaces = await NamespaceStore.open(database, events);
  return { namespaces, events, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

test("a namespace has labels, also after a restart, until it is deleted", async () => {
  await using root = await tempDir();
  {
    await using open = await opened(root.path);
    await open.namespaces.create("moby", { a: "1" });
    await open.namespaces.setLabels("moby", { b: "2" });
    await assert.rejects(open.namespaces.create("moby"), { name: "NamespaceError", code: "AlreadyExists" });
  }
  await using open = await opened(root.path);
  assert.deepEqual(open.namespaces.list(), [{ name: "moby", labels: { a: "1", b: "2" } }]);
  await open.namespaces.delete("moby", { contents: () => [] });
  assert.deepEqual(open.namespaces.list(), []);
  await assert.rejects(open.namespaces.delete("moby", { contents: () => [] }), { code: "NotFound" });
});

test("one that was never created has no labels, and gets a record with its first", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  assert.deepEqual(open.namespaces.get("default"), { name: "default", labels: {} });
  assert.deepEqual(open.namespaces.list(), []);
  await open.namespaces.setLabels("default", { a: "1" }, "replace");
  assert.deepEqual(open.namespaces.list(), [{ name: "default", labels: { a: "1" } }]);
});

test("labels that are set at the same time are all there", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  await Promise.all([1, 2, 3].map((n) => open.namespaces.setLabels("moby", { [`label${n}`]: "yes" })));
  assert.deepEqual(Object.keys(open.namespaces.get("moby").labels).sort(), ["label1", "label2", "label3"]);
});

test("one that is not empty stays, and the error says what it holds", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  await open.namespaces.create("moby");
  await assert.rejects(open.namespaces.delete("moby", { contents: () => ["images", "blobs"] }), {
    code: "FailedPrecondition",
    message: /still has images, blobs/,
  });
  assert.equal(open.namespaces.list().length, 1);
});

test("its creation, its labels and its deletion are published in it, and nothing that fails", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { namespaces, events } = open;
  await namespaces.create("moby", { a: "1" });
  await assert.rejects(namespaces.create("moby"), { code: "AlreadyExists" });
  await namespaces.setLabels("moby", { b: "2" });
  await namespaces.setLabels("other", { a: "1" });
  await assert.rejects(namespaces.delete("moby", { contents: () => ["images"] }));
  await namespaces.delete("moby", { contents: () => [] });
  await assert.rejects(namespaces.delete("moby", { contents: () => [] }));
  assert.deepEqual(events.take(), [
    ["/namespaces/create", "moby", { name: "moby", labels: { a: "1" } }],
    ["/namespaces/update", "moby", { name: "moby", labels: { a: "1", b: "2" } }],
    ["/namespaces/create", "other", { name: "other", labels: { a: "1" } }],
    ["/namespaces/delete", "moby", { name: "moby" }],
  ]);
});

test("names are containerd's identifiers", () => {
  for (const name of ["k8s.io", "moby", "a-b_c.d", "x".repeat(76)]) checkNamespace(name);
  for (const name of ["", "..", "../x", "a..b", "-a", "a/b", "ä", "a\n", "x".repeat(77)])
    assert.throws(() => checkNamespace(name), { name: "NamespaceError", code: "InvalidArgument" }, name);
});
