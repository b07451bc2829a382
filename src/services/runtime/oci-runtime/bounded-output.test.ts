import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { BoundedOutput } from "./bounded-output.ts";

test("what is collected takes as much memory as it has bytes, however small the pieces", async () => {
  const pieces = 100_000;
  const output = new BoundedOutput(Readable.from(onePerBuffer(pieces)), 16 * 2 ** 20);
  await output.ended(60_000);
  assert.equal(output.text(), "x".repeat(pieces));
  assert.ok(output.bytes().buffer.byteLength < 2 * pieces);
});

test("what goes beyond the limit is thrown away, to the last byte of it", async () => {
  for (const size of [1, 7, 4096, 5000]) {
    const output = new BoundedOutput(Readable.from([Buffer.alloc(size, "a"), Buffer.alloc(size, "b")]), 5000);
    await output.ended(60_000);
    assert.equal(output.text(), `${"a".repeat(size)}${"b".repeat(size)}`.slice(0, 5000));
  }
});

/** As a stream gives what is written byte by byte: each in a buffer that had room for much more. */
function* onePerBuffer(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield Buffer.alloc(16 * 1024, "x").subarray(0, 1);
}
