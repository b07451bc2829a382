import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { GzipInflater } from "./index.ts";

const text = Buffer.from("one two three four ".repeat(60_000));
const content = Buffer.concat([text, randomBytes(300_000), text]);

function inflate(stream: Buffer, chunkBytes: number): { bytes: Buffer; mayEnd: boolean } {
  const inflater = GzipInflater.open();
  assert.ok(inflater, "the package libisal2 is missing");
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length; at += chunkBytes)
    for (const piece of inflater.push(stream.subarray(at, at + chunkBytes))) pieces.push(Buffer.from(piece));
  return { bytes: Buffer.concat(pieces), mayEnd: inflater.mayEnd };
}

/** With every optional field: extra, name, comment and header checksum. */
function withLongHeader(plain: Buffer): Buffer {
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 2 | 4 | 8 | 16;
  const fields = [Buffer.from([3, 0, 1, 2, 3]), Buffer.from("a.tar\0about\0"), Buffer.from([0, 0])];
  return Buffer.concat([header, ...fields, plain.subarray(10)]);
}

for (const chunkBytes of [1, 7, 65_536, 1e9]) {
  const some = chunkBytes < 100 ? content.subarray(0, 5_000) : content;
  test(`a stream in chunks of ${chunkBytes} inflates to what it was made of`, () => {
    for (const level of [0, 1, 6, 9]) {
      const { bytes, mayEnd } = inflate(gzipSync(some, { level }), chunkBytes);
      assert.ok(bytes.equals(some));
      assert.ok(mayEnd);
    }
  });

  test(`members one after the other are one stream, padded or not, in chunks of ${chunkBytes}`, () => {
    const members = [gzipSync(some), withLongHeader(gzipSync(Buffer.from("middle"))), gzipSync(some)];
    const expected = Buffer.concat([some, Buffer.from("middle"), some]);
    for (const padding of [0, 1, 1000]) {
      const { bytes, mayEnd } = inflate(Buffer.concat([...members, Buffer.alloc(padding)]), chunkBytes);
      assert.ok(bytes.equals(expected));
      assert.ok(mayEnd);
    }
  });

  test(`a stream that is cut may not end there, in chunks of ${chunkBytes}`, () => {
    const stream = gzipSync(some);
    for (const left of [5, 12, stream.length >> 1, stream.length - 9, stream.length - 1])
      assert.equal(inflate(stream.subarray(0, left), chunkBytes).mayEnd, false, `${left} bytes`);
  });

  test(`damage is an error, in chunks of ${chunkBytes}`, () => {
    const stream = gzipSync(some);
    const damaged = (at: number): Buffer => {
      const copy = Buffer.from(stream);
      copy[at] = (copy[at] ?? 0) ^ 0xff;
      return copy;
    };
    for (const at of [0, 2, 3, stream.length - 8, stream.length - 1])
      assert.throws(() => inflate(damaged(at), chunkBytes), { name: "GzipError", code: "DataLoss" }, `${at}`);
    const followed = Buffer.concat([stream, Buffer.from("more")]);
    assert.throws(() => inflate(followed, chunkBytes), { name: "GzipError" });
  });
}

test("what an inflater holds is free once it is disposed of", () => {
  const inflater = GzipInflater.open();
  assert.ok(inflater, "the package libisal2 is missing");
  const [piece] = inflater.push(gzipSync(text));
  inflater[Symbol.dispose]();
  assert.equal(piece?.buffer.byteLength, 0);
  assert.throws(() => [...inflater.push(gzipSync(text))]);
});
