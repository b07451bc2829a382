import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Database, openDatabase } from "./index.ts";

type Image = { readonly name: string; readonly createdAtNs?: bigint; readonly key?: Uint8Array };

async function emptyDatabase(): Promise<AsyncDisposable & { path: string; open(): Promise<Database> }> {
  const directory = await tempDir();
  const path = join(directory.path, "root", "metadata.db");
  return {
    path,
    open: () => openDatabase({ path }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const ns = "k8s.io";

test("records are there after closing and opening again, with their types", async () => {
  await using file = await emptyDatabase();
  const image: Image = {
    name: "busybox",
    createdAtNs: 1_700_000_000_123_456_789n,
    key: new Uint8Array([1, 2]),
  };
  {
    await using database = await file.open();
    const images = await database.collection<Image>("images");
    const snapshots = await database.collection<{ kind: string }>("snapshots");
    await database.commit([images.put(ns, "a", image), snapshots.put("other", "s", { kind: "active" })]);
  }
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  assert.deepEqual(images.list(ns), [["a", image]]);
  assert.deepEqual((await database.collection("snapshots")).list("other"), [["s", { kind: "active" }]]);
});

test("commits that may wait for the disk keep their order with those that do not", async () => {
  await using file = await emptyDatabase();
  {
    await using database = await file.open();
    const images = await database.collection<Image>("images");
    const commit = (name: string, durability: "atOnce" | "withNext") =>
      database.commit([images.put(ns, "a", { name })], undefined, durability);
    await commit("1", "withNext");
    await Promise.all([commit("2", "withNext"), commit("3", "atOnce"), commit("4", "withNext")]);
    assert.deepEqual(images.get(ns, "a"), { name: "4" });
    await commit("5", "withNext");
  }
  await using database = await file.open();
  assert.deepEqual((await database.collection("images")).get(ns, "a"), { name: "5" });
});

test("memory shows a change when it is durable, not before", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  const committed = database.commit([images.put(ns, "a", { name: "new" })]);
  assert.equal(images.get(ns, "a"), undefined);
  await committed;
  assert.deepEqual(images.get(ns, "a"), { name: "new" });
});

test("who watches a collection is told once of each commit that changed a namespace of it, and finds it changed", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  const seen: string[] = [];
  const watch = images.watch((namespace) => {
    seen.push(`${namespace}: ${images.list(namespace).map(([key]) => key)}`);
  });
  const leases = await database.collection<unknown>("leases");
  await database.commit(["a", "b"].map((key) => images.put(ns, key, { name: key })));
  assert.deepEqual(seen, [`${ns}: a,b`], "before the commit resolves");
  await database.commit([leases.put(ns, "l", {})]);
  await assert.rejects(database.commit([images.put(ns, "c", new Map() as unknown as Image)]));
  await database.commit([images.delete(ns, "a"), images.put("moby", "m", { name: "m" })]);
  assert.deepEqual(seen, [`${ns}: a,b`, `${ns}: b`, "moby: m"]);
  watch[Symbol.dispose]();
  await database.commit([images.delete(ns, "b")]);
  assert.equal(seen.length, 3);
});

test("who commits is called back in the order of commits, once memory shows the change and before anybody is answered", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  const seen: string[] = [];
  const told = (key: string) => () => void seen.push(`${key}: ${images.list(ns).map(([each]) => each)}`);
  const put = async (key: string) => {
    await database.commit([images.put(ns, key, { name: key })], told(key));
    seen.push(`${key} answered`);
  };
  await Promise.all([put("a"), put("b")]);
  assert.deepEqual(seen, ["a: a", "b: a,b", "a answered", "b answered"]);
  await database.commit([], told("nothing"));
  await assert.rejects(
    database.commit([images.put(ns, "c", new Map() as unknown as Image)], told("what cannot be recorded")),
  );
  assert.equal(seen.length, 4);
});

test("a record is replaced by a put and gone after a delete; deleting what is not there is no error", async () => {
  await using file = await emptyDatabase();
  {
    await using database = await file.open();
    const images = await database.collection<Image>("images");
    await database.commit([images.put(ns, "a", { name: "1" }), images.put(ns, "b", { name: "1" })]);
    await database.commit([
      images.put(ns, "a", { name: "2" }),
      images.delete(ns, "b"),
      images.delete(ns, "c"),
    ]);
    assert.deepEqual(images.list(ns), [["a", { name: "2" }]]);
  }
  await using database = await file.open();
  assert.deepEqual((await database.collection("images")).list(ns), [["a", { name: "2" }]]);
});

test("records are listed by namespace, in the order of their keys", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  await database.commit(["b", "a", "c"].map((key) => images.put(ns, key, { name: key })));
  await database.commit([images.put("moby", "z", { name: "z" })]);
  assert.deepEqual(
    images.list(ns).map(([key]) => key),
    ["a", "b", "c"],
  );
  assert.deepEqual(images.namespaces(), [ns, "moby"]);
  await database.commit([images.delete("moby", "z"), images.put(ns, "aa", { name: "aa" })]);
  assert.deepEqual(images.namespaces(), [ns]);
  assert.deepEqual(
    images.list(ns).map(([key]) => key),
    ["a", "aa", "b", "c"],
  );
});

test("commits made at the same time are applied in their order", async () => {
  await using file = await emptyDatabase();
  {
    await using database = await file.open();
    const images = await database.collection<Image>("images");
    const names = Array.from({ length: 200 }, (_, index) => String(index));
    await Promise.all(
      names.map((name) =>
        database.commit([images.put(ns, "same", { name }), images.put(ns, name, { name })]),
      ),
    );
    assert.deepEqual(images.get(ns, "same"), { name: "199" });
  }
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  assert.deepEqual(images.get(ns, "same"), { name: "199" });
  assert.equal(images.list(ns).length, 201);
});

test("a commit that SQLite refuses takes no other along, and changes nothing itself", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  const unknown = { ...images.put(ns, "x", { name: "x" }), collection: "nowhere" as "images" };
  const outcomes = await Promise.allSettled([
    database.commit([images.put(ns, "before", { name: "1" })]),
    database.commit([images.put(ns, "half", { name: "2" }), unknown]),
    database.commit([images.put(ns, "after", { name: "3" })]),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(
    images.list(ns).map(([key]) => key),
    ["after", "before"],
  );
});

test("a value that is not plain data is refused and changes nothing", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<unknown>("images");
  const commit = database.commit([images.put(ns, "a", {}), images.put(ns, "b", new Map())]);
  await assert.rejects(commit, { name: "MetadataError", code: "InvalidArgument" });
  assert.deepEqual(images.list(ns), []);
});

test("closing finishes the commits that were made before, and refuses later ones", async () => {
  await using file = await emptyDatabase();
  const database = await file.open();
  const images = await database.collection<Image>("images");
  const first = database.commit([images.put(ns, "a", { name: "a" })]);
  const closed = database[Symbol.asyncDispose]();
  await assert.rejects(database.commit([images.put(ns, "b", { name: "b" })]), { code: "Unavailable" });
  await Promise.all([first, closed]);
  await using reopened = await file.open();
  assert.deepEqual((await reopened.collection("images")).list(ns), [["a", { name: "a" }]]);
});

test("the file and its directory are private", async () => {
  await using file = await emptyDatabase();
  await using database = await file.open();
  const images = await database.collection<Image>("images");
  await database.commit([images.put(ns, "a", { name: "a" })]);
  const modes = await Promise.all(
    [file.path, `${file.path}-wal`, join(file.path, "..")].map(
      async (path) => (await stat(path)).mode & 0o777,
    ),
  );
  assert.deepEqual(modes, [0o600, 0o600, 0o700]);
});

test("a database of the first schema is brought to the newest, and refused by a berth that knows the first alone", async () => {
  await using file = await emptyDatabase();
  await (await file.open())[Symbol.asyncDispose]();
  const older = new DatabaseSync(file.path);
  older.exec(
    "DROP TABLE profiles; DROP TABLE namespaces; DROP TABLE resolved_images; DROP TABLE server; DROP TABLE manager_objects; DELETE FROM schema_versions WHERE version > 1; PRAGMA user_version = 1",
  );
  older.close();
  await (await file.open())[Symbol.asyncDispose]();
  const newest = new DatabaseSync(file.path);
  const version = Number(newest.prepare("PRAGMA user_version").get()?.user_version);
  const recorded = newest.prepare("SELECT version FROM schema_versions ORDER BY version").all();
  newest.close();
  assert.ok(version > 1);
  assert.deepEqual(
    recorded.map((row) => row.version),
    Array.from({ length: version }, (_, index) => index + 1),
  );
});

test("a database made by a newer berth is refused, with the name of the version that made it", async () => {
  await using file = await emptyDatabase();
  await (await file.open())[Symbol.asyncDispose]();
  const newer = new DatabaseSync(file.path);
  newer.exec(
    "INSERT INTO schema_versions VALUES (99, 'berth 9.9.9', '2030-01-01'); PRAGMA user_version = 99",
  );
  newer.close();
  await assert.rejects(file.open(), {
    name: "MetadataError",
    code: "FailedPrecondition",
    message: /berth 9\.9\.9.*this is berth \d/,
  });
});
