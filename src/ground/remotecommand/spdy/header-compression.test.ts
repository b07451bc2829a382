import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { constants, createDeflate, deflateSync } from "node:zlib";
import { headerDictionary } from "./dictionary.ts";
import { decodeHeaderBlock, encodeHeaderBlock } from "./header-block.ts";
import { HeaderDeflater, HeaderInflater } from "./header-compression.ts";

const headers = new Map([
  ["streamtype", "error"],
  ["port", "80"],
  ["requestid", "7"],
]);

test("the dictionary is SPDY/3's", () => {
  const stated = deflateSync("", { dictionary: headerDictionary }).readUInt32BE(2);
  assert.equal(stated, 0xe3c6a7c2);
});

test("blocks are decompressed unchanged, in the order of sending", () => {
  const deflater = new HeaderDeflater();
  const inflater = new HeaderInflater(16_384);
  for (let i = 0; i < 50; i++) {
    const block = encodeHeaderBlock(new Map([...headers, ["n", `${i}`.repeat(200)]]));
    assert.deepEqual(inflater.inflate(deflater.deflate(block)), block);
  }
});

test("blocks that refer to earlier ones, as in zlib's own streams, are decompressed", async () => {
  const zlib = createDeflate({ dictionary: headerDictionary });
  const inflater = new HeaderInflater(16_384);
  let longest = 0;
  for (let i = 0; i < 200; i++) {
    const block = encodeHeaderBlock(new Map([["x", `${i % 7}-value-`.repeat(60)]]));
    zlib.write(block);
    zlib.flush(constants.Z_SYNC_FLUSH);
    let compressed = Buffer.alloc(0);
    // The end of a sync flush.
    while (!compressed.subarray(-4).equals(Buffer.from("0000ffff", "hex"))) {
      const [chunk] = (await once(zlib, "data")) as [Buffer];
      compressed = Buffer.concat([compressed, chunk]);
    }
    if (i > 10) longest = Math.max(longest, compressed.length);
    assert.deepEqual(inflater.inflate(compressed), block);
  }
  assert.ok(longest < 30, "the blocks did not refer back");
  zlib.destroy();
});

test("a block that expands a thousandfold is rejected because of the limit", () => {
  const bomb = deflateSync(Buffer.alloc(16_000_000), { dictionary: headerDictionary });
  assert.ok(bomb.length < 16_384);
  assert.throws(() => new HeaderInflater(16_384).inflate(bomb), /expands to more than 16384 bytes/);
});

test("other dictionaries, other formats and random bytes are rejected", () => {
  const bad = [
    deflateSync("x", { dictionary: Buffer.from("another one") }),
    Buffer.from("not zlib at all"),
    Buffer.alloc(1),
    Buffer.concat([deflateSync("", { dictionary: headerDictionary }).subarray(0, 6), Buffer.alloc(50, 0xff)]),
  ];
  for (const block of bad)
    assert.throws(() => new HeaderInflater(16_384).inflate(block), /SPDY protocol error/);
});

test("a header block with wrong lengths, or with too many, repeated or upper-case names, is rejected", () => {
  const encoded = encodeHeaderBlock(headers);
  assert.deepEqual(decodeHeaderBlock(encoded, 3), headers);
  assert.throws(() => decodeHeaderBlock(encoded, 2), /3 names/);
  assert.throws(() => decodeHeaderBlock(encoded.subarray(0, -1), 3), /cut short/);
  assert.throws(() => decodeHeaderBlock(Buffer.concat([encoded, Buffer.alloc(1)]), 3), /longer/);
  const twice = Buffer.concat([
    Buffer.from([0, 0, 0, 2]),
    encodeHeaderBlock(new Map([["a", ""]])).subarray(4),
  ]);
  assert.throws(() => decodeHeaderBlock(Buffer.concat([twice, twice.subarray(4)]), 3), /twice/);
  const upper = Buffer.from("0000000100000001410000000142", "hex");
  assert.throws(() => decodeHeaderBlock(upper, 3), /lower-case/);
});
