import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { digestOf, parseDigest } from "../../../parts/oci/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { ContentStore } from "../index.ts";

/**
 * Opens the store whose blobs and records lie below `root`, which exists. Disposing closes it as the daemon's
 * shutdown does; opening the same root again simulates the next start.
 */
export type OpenContentStore = (root: string) => Promise<AsyncDisposable & { readonly store: ContentStore }>;

const small = Buffer.from("a small blob");
const large = randomBytes((3 << 20) + 5);

async function emptyStore(open: OpenContentStore): ReturnType<OpenContentStore> {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  const { store } = undo.use(await open(path));
  const opened = undo.move();
  return { store, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function write(store: ContentStore, ref: string, bytes: Uint8Array): Promise<void> {
  await using writer = await store.writer(ref);
  await writer.write(bytes);
}

/** Tests the contract of every content store; the tests' titles begin with `name`. */
export function contentStoreSuite(name: string, open: OpenContentStore): void {
  describe(name, () => {
    for (const [size, bytes] of [
      ["small", small],
      ["large", large],
      ["empty", Buffer.alloc(0)],
    ] as const) {
      test(`a ${size} blob is there once it is committed, with size, labels and time`, async () => {
        await using opened = await emptyStore(open);
        const { store } = opened;
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
        await using opened = await emptyStore(open);
        const { store } = opened;
        const expected = digestOf(Buffer.concat([bytes, Buffer.from("not this")]));
        await using writer = await store.writer("layer");
        await writer.write(bytes);
        await assert.rejects(
          writer.commit({ digest: expected, size: bytes.length }),
          (error: Error & { code: string }) => {
            assert.equal(error.name, "ContentError");
            assert.equal(error.code, "DataLoss");
            assert.ok(
              error.message.includes(expected) && error.message.includes(digestOf(bytes)),
              error.message,
            );
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
      await using opened = await emptyStore(open);
      const { store } = opened;
      await using writer = await store.writer("layer");
      await writer.write(small);
      const commit = writer.commit({ digest: digestOf(small), size: small.length + 1, verified: true });
      await assert.rejects(commit, { code: "DataLoss", message: /should have 13 bytes, but 12 came/ });
      assert.deepEqual(await store.ingests(), []);
    });

    test("an ingest goes on where it stopped, also after a restart", async () => {
      await using directory = await tempDir();
      {
        await using opened = await open(directory.path);
        await write(opened.store, "layer", small.subarray(0, 4));
        const [status] = await opened.store.ingests();
        assert.deepEqual({ ref: status?.ref, offset: status?.offsetBytes }, { ref: "layer", offset: 4 });
      }
      await using opened = await open(directory.path);
      await using writer = await opened.store.writer("layer");
      assert.equal(writer.offset, 4);
      await writer.write(small.subarray(4));
      await writer.commit({ digest: digestOf(small), size: small.length });
      assert.ok(small.equals(await opened.store.read(digestOf(small), 100)));
    });

    test("truncating throws away what came before", async () => {
      await using opened = await emptyStore(open);
      await write(opened.store, "layer", Buffer.from("half of something else"));
      await using writer = await opened.store.writer("layer");
      await writer.truncate();
      await writer.write(small);
      await writer.commit({ digest: digestOf(small), size: small.length });
      assert.equal(opened.store.info(digestOf(small)).sizeBytes, small.length);
    });

    test("a second writer of a ref waits for the first, and gives up when it is aborted", async () => {
      await using opened = await emptyStore(open);
      const { store } = opened;
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
      await using opened = await emptyStore(open);
      const { store } = opened;
      await using writer = await store.writer("layer");
      await writer.write(small);
      await store.abort("layer");
      await store.abort("never there");
      assert.deepEqual(await store.ingests(), []);
      await assert.rejects(writer.commit({ digest: digestOf(small), size: small.length }), {
        code: "Aborted",
      });
      assert.equal(store.has(digestOf(small)), false);
    });

    test("committing a blob that is there adds the labels and drops the ingest", async () => {
      await using opened = await emptyStore(open);
      const { store } = opened;
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
      await using opened = await emptyStore(open);
      await assert.rejects(opened.store.put(small, { digest: digestOf(large) }), { code: "DataLoss" });
    });

    test("labels set at the same time are all kept, and an empty value removes one", async () => {
      await using opened = await emptyStore(open);
      const { store } = opened;
      const digest = digestOf(small);
      await store.put(small, { digest, labels: { old: "1" } });
      await Promise.all(["a", "b", "c"].map((key) => store.setLabels(digest, { [key]: "1" })));
      await store.setLabels(digest, { old: "" });
      assert.deepEqual(store.info(digest).labels, { a: "1", b: "1", c: "1" });
    });

    test("what is not there is NotFound", async () => {
      await using opened = await emptyStore(open);
      const { store } = opened;
      const digest = digestOf(small);
      assert.throws(() => store.info(digest), { code: "NotFound" });
      assert.throws(() => store.path(digest), { code: "NotFound" });
      await assert.rejects(store.read(digest, 100), { code: "NotFound" });
      await assert.rejects(store.setLabels(digest, {}), { code: "NotFound" });
      await assert.rejects(store.delete(digest), { code: "NotFound" });
    });

    test("a read above the limit is refused", async () => {
      await using opened = await emptyStore(open);
      await opened.store.put(small, { digest: digestOf(small) });
      await assert.rejects(opened.store.read(digestOf(small), small.length - 1), {
        code: "ResourceExhausted",
      });
    });

    test("any part of a blob is read, part after part, again and beside others", async () => {
      await using opened = await emptyStore(open);
      const { store } = opened;
      const other = randomBytes(large.length);
      for (const bytes of [large, other]) await store.put(bytes, { digest: digestOf(bytes) });
      const part = async (bytes: Buffer, from: number, end: number): Promise<Buffer> => {
        const { signal } = new AbortController();
        const pieces = await Array.fromAsync(
          store.pieces(digestOf(bytes), from, end, signal),
          ({ offset, bytes: lent }) => ({ offset, bytes: Buffer.from(lent) }),
        );
        assert.deepEqual(
          pieces.map(({ offset }) => offset),
          pieces.map(
            (_, index) => from + pieces.slice(0, index).reduce((sum, piece) => sum + piece.bytes.length, 0),
          ),
        );
        return Buffer.concat(pieces.map((piece) => piece.bytes));
      };
      const step = 100_000;
      for (let from = 0; from < large.length; from += step) {
        for (const bytes of [large, other])
          assert.ok((await part(bytes, from, from + step)).equals(bytes.subarray(from, from + step)));
        assert.ok((await part(large, 5, 10)).equals(large.subarray(5, 10)));
      }
      assert.ok((await part(large, 1, large.length)).equals(large.subarray(1)));
      assert.equal((await part(large, large.length, large.length)).length, 0);
    });

    test("of a blob that was deleted while it was read there is no further part", async () => {
      await using opened = await emptyStore(open);
      const { store } = opened;
      const digest = digestOf(large);
      await store.put(large, { digest });
      const { signal } = new AbortController();
      const read = (from: number) => Array.fromAsync(store.pieces(digest, from, from + 10, signal));
      await read(0);
      await store.delete(digest);
      await assert.rejects(async () => await read(10), { code: "NotFound" });
    });

    test("a writer that is closed takes nothing more", async () => {
      await using opened = await emptyStore(open);
      const writer = await opened.store.writer("layer");
      await writer[Symbol.asyncDispose]();
      await assert.rejects(writer.write(small), { code: "FailedPrecondition" });
      await assert.rejects(writer.commit({ digest: parseDigest(digestOf(small)), size: 0 }), {
        code: "FailedPrecondition",
      });
    });
  });
}
