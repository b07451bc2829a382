import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { link, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Digest, digestHex, digestOf } from "../../parts/oci/index.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Content, type ContentStore, openContent } from "./index.ts";
import { contentStoreSuite } from "./testing/content-store-suite.ts";

type OpenStore = AsyncDisposable & {
  readonly content: Content;
  readonly store: ContentStore;
  readonly events: PublishedEvents;
  readonly root: string;
};

/** Opens what lies under `root`; disposing closes it as a restart of the daemon would. */
async function openStore(root: string): Promise<OpenStore> {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  const events = new PublishedEvents();
  const content = await openContent({ root, database, events });
  const store = content.inNamespace("k8s.io");
  return { content, store, events, root, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

async function emptyStore(): Promise<OpenStore> {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  const open = undo.use(await openStore(path));
  const opened = undo.move();
  return { ...open, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function blobFile(root: string, digest: Digest): string {
  return join(root, "content", "blobs", "sha256", digestHex(digest));
}

async function write(store: ContentStore, ref: string, bytes: Uint8Array): Promise<void> {
  await using writer = await store.writer(ref);
  await writer.write(bytes);
}

const small = Buffer.from("a small blob");
const large = randomBytes((3 << 20) + 5);

contentStoreSuite("the content store", openStore);

test("a blob that was damaged on disk is not served", async () => {
  await using open = await emptyStore();
  await open.store.put(small, { digest: digestOf(small) });
  await writeFile(blobFile(open.root, digestOf(small)), "a Small blob");
  await assert.rejects(open.store.read(digestOf(small), 100), {
    code: "DataLoss",
    message: /damaged on disk/,
  });
});

test("namespaces share files but not records; a file goes with its last record", async () => {
  await using open = await emptyStore();
  const { store, root } = open;
  const other = open.content.inNamespace("moby");
  const digest = digestOf(small);
  await store.put(small, { digest });
  assert.equal(other.has(digest), false);
  await other.put(small, { digest });
  await store.delete(digest);
  assert.ok(small.equals(await other.read(digest, 100)));
  await other.delete(digest);
  await assert.rejects(stat(blobFile(root, digest)), { code: "ENOENT" });
});

test("a blob is published once it can be read, and when it is deleted, not when its labels change or it is refused", async () => {
  await using open = await emptyStore();
  const { store, content, events } = open;
  const digest = digestOf(small);
  await assert.rejects(store.put(large, { digest }), { code: "DataLoss" });
  await store.put(small, { digest });
  await store.put(small, { digest, labels: { a: "1" } });
  await content.inNamespace("moby").put(small, { digest });
  await store.delete(digest);
  await assert.rejects(store.delete(digest), { code: "NotFound" });
  assert.deepEqual(events.take(), [
    ["/content/create", "k8s.io", { digest, sizeBytes: small.length, mediaType: "" }],
    ["/content/create", "moby", { digest, sizeBytes: small.length, mediaType: "" }],
    ["/content/delete", "k8s.io", { digest }],
  ]);
});

test("a namespace that would lead out of the directory is refused", async () => {
  await using open = await emptyStore();
  for (const namespace of ["..", "a/b", "", ".hidden"]) {
    assert.throws(() => open.content.inNamespace(namespace), { code: "InvalidArgument" }, namespace);
  }
});

test("opening deletes files that have no record, and forgets records that have no file", async () => {
  await using directory = await tempDir();
  const [kept, lost, orphan] = ["kept", "lost", "orphan"].map((text) => Buffer.from(text));
  assert.ok(kept && lost && orphan);
  {
    await using open = await openStore(directory.path);
    await open.store.put(kept, { digest: digestOf(kept) });
    await open.store.put(lost, { digest: digestOf(lost) });
  }
  await rm(blobFile(directory.path, digestOf(lost)));
  await writeFile(blobFile(directory.path, digestOf(orphan)), orphan);
  await using open = await openStore(directory.path);
  assert.deepEqual(
    open.store.list().map(({ digest }) => digest),
    [digestOf(kept)],
  );
  assert.deepEqual(await readdir(join(directory.path, "content/blobs/sha256")), [digestHex(digestOf(kept))]);
  await open.store.put(lost, { digest: digestOf(lost) });
  assert.ok(lost.equals(await open.store.read(digestOf(lost), 100)));
});

test("a commit cut off between the blob's name and its record can be done again without the bytes being fetched again", async () => {
  await using directory = await tempDir();
  const digest = digestOf(small);
  {
    await using open = await openStore(directory.path);
    await using writer = await open.store.writer("layer");
    await writer.write(small);
    await link(writer.path, blobFile(directory.path, digest));
  }
  await using open = await openStore(directory.path);
  assert.equal(open.store.has(digest), false);
  await using writer = await open.store.writer("layer");
  assert.equal(writer.offset, small.length);
  await writer.commit({ digest, size: small.length });
  assert.ok(small.equals(await open.store.read(digest, 100)));
});

test("an ingest whose sync failed is empty: what can still be read of it may never reach the disk", async () => {
  await using open = await emptyStore();
  const { store, root } = open;
  const digest = digestOf(small);
  const blob = { digest, size: small.length, verified: true };
  {
    await using writer = await store.writer("ref");
    await writer.write(small);
    const sync = () => Promise.reject(new Error("the disk is broken"));
    await assert.rejects(writer.commit({ ...blob, sync }), { message: /the disk is broken/ });
  }
  assert.equal(store.has(digest), false);
  await using writer = await store.writer("ref");
  assert.equal(writer.offset, 0);
  await writer.write(small);
  await writer.commit({ ...blob, sync: async () => undefined });
  assert.deepEqual(await readFile(blobFile(root, digest)), small);
});

test("files and directories are private", async () => {
  await using open = await emptyStore();
  await open.store.put(small, { digest: digestOf(small) });
  await write(open.store, "layer", small);
  const content = join(open.root, "content");
  const entries = await readdir(content, { recursive: true, withFileTypes: true });
  const modes = await Promise.all(
    entries.map(
      async (entry) =>
        [entry.isDirectory(), (await stat(join(entry.parentPath, entry.name))).mode & 0o777] as const,
    ),
  );
  assert.ok(modes.length >= 7);
  for (const [isDirectory, mode] of modes) assert.equal(mode, isDirectory ? 0o700 : 0o600);
});

test("a full disk stops an ingest with ResourceExhausted, and it goes on once there is space", async () => {
  await using disk = await smallDisk(8 << 20);
  await using open = await openStore(disk.path);
  const { store } = open;
  await using writer = await store.writer("layer");
  await writer.write(large.subarray(0, 1000));
  await disk.fill();
  await assert.rejects(writer.write(large.subarray(1000)), {
    name: "ContentError",
    code: "ResourceExhausted",
  });
  await disk.free();
  await writer.write(large.subarray(writer.offset));
  await writer.commit({ digest: digestOf(large), size: large.length });
  assert.equal(store.info(digestOf(large)).sizeBytes, large.length);
});
