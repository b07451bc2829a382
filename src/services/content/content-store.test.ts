import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { link, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Digest, digestHex, digestOf, parseDigest } from "../../parts/oci/index.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Content, type ContentStore, openContent } from "./index.ts";

type OpenStore = AsyncDisposable & {
  readonly content: Content;
  readonly store: ContentStore;
  readonly root: string;
};

/** Opens what lies under `root`; disposing closes it as a restart of the daemon would. */
async function openStore(root: string): Promise<OpenStore> {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  const content = await openContent({ root, database });
  const store = content.inNamespace("k8s.io");
  return { content, store, root, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
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

for (const [size, bytes] of [
  ["small", small],
  ["large", large],
  ["empty", Buffer.alloc(0)],
] as const) {
  test(`a ${size} blob is there once it is committed, with size, labels and time`, async () => {
    await using open = await emptyStore();
    const { store } = open;
    const digest = digestOf(bytes);
    assert.equal(store.has(digest), false);
    await using writer = await store.writer("layer");
    await writer.write(bytes.subarray(0, 5));
    await writer.write(bytes.subarray(5));
    await writer.commit({ digest, size: bytes.length, labels: { a: "1" } });
    const { createdAtNs, ...info } = store.info(digest);
    assert.deepEqual(info, { digest, sizeBytes: bytes.length, labels: { a: "1" } });
    assert.ok(Math.abs(Number(createdAtNs / 1_000_000n) - Date.now()) < 60_000);
    assert.ok(bytes.equals(await store.read(digest, bytes.length)));
    assert.ok(bytes.equals(await readFile(store.path(digest))));
    assert.deepEqual(await store.ingests(), []);
    assert.deepEqual(
      store.list().map((listed) => listed.digest),
      [digest],
    );
  });

  test(`a ${size} blob whose bytes have another digest is refused with both digests, and its ingest dropped`, async () => {
    await using open = await emptyStore();
    const { store } = open;
    const expected = digestOf(Buffer.concat([bytes, Buffer.from("not this")]));
    await using writer = await store.writer("layer");
    await writer.write(bytes);
    await assert.rejects(
      writer.commit({ digest: expected, size: bytes.length }),
      (error: Error & { code: string }) => {
        assert.equal(error.name, "ContentError");
        assert.equal(error.code, "DataLoss");
        assert.ok(error.message.includes(expected) && error.message.includes(digestOf(bytes)), error.message);
        return true;
      },
    );
    assert.equal(store.has(expected), false);
    assert.deepEqual(await store.ingests(), []);
    await writer[Symbol.asyncDispose]();
    await using again = await store.writer("layer");
    assert.equal(again.offset, 0);
  });
}

test("a blob of another size is refused, also when its writer says that it is verified, and its ingest dropped", async () => {
  await using open = await emptyStore();
  const { store } = open;
  await using writer = await store.writer("layer");
  await writer.write(small);
  const commit = writer.commit({ digest: digestOf(small), size: small.length + 1, verified: true });
  await assert.rejects(commit, { code: "DataLoss", message: /should have 13 bytes, but 12 came/ });
  assert.deepEqual(await store.ingests(), []);
});

test("an ingest goes on where it stopped, also after a restart", async () => {
  await using directory = await tempDir();
  {
    await using open = await openStore(directory.path);
    await write(open.store, "layer", small.subarray(0, 4));
    const [status] = await open.store.ingests();
    assert.deepEqual({ ref: status?.ref, offset: status?.offsetBytes }, { ref: "layer", offset: 4 });
  }
  await using open = await openStore(directory.path);
  await using writer = await open.store.writer("layer");
  assert.equal(writer.offset, 4);
  await writer.write(small.subarray(4));
  await writer.commit({ digest: digestOf(small), size: small.length });
  assert.ok(small.equals(await open.store.read(digestOf(small), 100)));
});

test("truncating throws away what came before", async () => {
  await using open = await emptyStore();
  await write(open.store, "layer", Buffer.from("half of something else"));
  await using writer = await open.store.writer("layer");
  await writer.truncate();
  await writer.write(small);
  await writer.commit({ digest: digestOf(small), size: small.length });
  assert.equal(open.store.info(digestOf(small)).sizeBytes, small.length);
});

test("a second writer of a ref waits for the first, and gives up when it is aborted", async () => {
  await using open = await emptyStore();
  const { store } = open;
  const order: string[] = [];
  const first = await store.writer("layer");
  const impatient = new AbortController();
  const second = store.writer("layer", impatient.signal);
  const third = store.writer("layer").then((writer) => {
    order.push("third opened");
    return writer;
  });
  impatient.abort(new Error("no patience"));
  await assert.rejects(second, /no patience/);
  await using other = await store.writer("another layer");
  assert.equal(other.offset, 0);
  order.push("first closes");
  await first[Symbol.asyncDispose]();
  await (await third)[Symbol.asyncDispose]();
  assert.deepEqual(order, ["first closes", "third opened"]);
});

test("an aborted ingest is gone, and its writer cannot commit", async () => {
  await using open = await emptyStore();
  const { store } = open;
  await using writer = await store.writer("layer");
  await writer.write(small);
  await store.abort("layer");
  await store.abort("never there");
  assert.deepEqual(await store.ingests(), []);
  await assert.rejects(writer.commit({ digest: digestOf(small), size: small.length }), { code: "Aborted" });
  assert.equal(store.has(digestOf(small)), false);
});

test("committing a blob that is there adds the labels and drops the ingest", async () => {
  await using open = await emptyStore();
  const { store } = open;
  const digest = digestOf(small);
  await store.put(small, { digest, labels: { a: "1" } });
  await using writer = await store.writer("again");
  await writer.write(small);
  await writer.commit({ digest, size: small.length, labels: { b: "2" } });
  await store.put(small, { digest, labels: { c: "3" } });
  assert.deepEqual(store.info(digest).labels, { a: "1", b: "2", c: "3" });
  assert.deepEqual(await store.ingests(), []);
});

test("put refuses bytes of another digest", async () => {
  await using open = await emptyStore();
  await assert.rejects(open.store.put(small, { digest: digestOf(large) }), { code: "DataLoss" });
});

test("labels set at the same time are all kept, and an empty value removes one", async () => {
  await using open = await emptyStore();
  const { store } = open;
  const digest = digestOf(small);
  await store.put(small, { digest, labels: { old: "1" } });
  await Promise.all(["a", "b", "c"].map((key) => store.setLabels(digest, { [key]: "1" })));
  await store.setLabels(digest, { old: "" });
  assert.deepEqual(store.info(digest).labels, { a: "1", b: "1", c: "1" });
});

test("what is not there is NotFound", async () => {
  await using open = await emptyStore();
  const { store } = open;
  const digest = digestOf(small);
  assert.throws(() => store.info(digest), { code: "NotFound" });
  assert.throws(() => store.path(digest), { code: "NotFound" });
  await assert.rejects(store.read(digest, 100), { code: "NotFound" });
  await assert.rejects(store.setLabels(digest, {}), { code: "NotFound" });
  await assert.rejects(store.delete(digest), { code: "NotFound" });
});

test("a read above the limit is refused", async () => {
  await using open = await emptyStore();
  await open.store.put(small, { digest: digestOf(small) });
  await assert.rejects(open.store.read(digestOf(small), small.length - 1), { code: "ResourceExhausted" });
});

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

test("a writer that is closed takes nothing more", async () => {
  await using open = await emptyStore();
  const writer = await open.store.writer("layer");
  await writer[Symbol.asyncDispose]();
  await assert.rejects(writer.write(small), { code: "FailedPrecondition" });
  await assert.rejects(writer.commit({ digest: parseDigest(digestOf(small)), size: 0 }), {
    code: "FailedPrecondition",
  });
});
