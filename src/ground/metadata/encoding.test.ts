import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "./encoding.ts";

const roundTrips: readonly (readonly [string, unknown])[] = [
  ["JSON types", { text: "ü\u0000\ud83d", number: -1.5, yes: true, none: null, list: [1, [2]], empty: {} }],
  ["bigints beyond 2^53", { at: 1_700_000_000_123_456_789n, list: [0n, -1n] }],
  ["bytes", { key: new Uint8Array([0, 255, 7]), none: new Uint8Array() }],
  ["a bigint alone", 5n],
  [
    "objects that look like tags",
    { a: { $bigint: "5" }, b: { $object: { $bytes: 1n } }, c: { $x: 1, $y: 2 } },
  ],
  [
    "users' keys that are special in JavaScript",
    JSON.parse('{"labels":{"__proto__":"x","constructor":"y"},"n":{"__proto__":{"a":1}}}'),
  ],
];

for (const [what, value] of roundTrips) {
  test(`a record keeps ${what}`, () => assert.deepEqual(decode(encode(value)), value));
}

test("an undefined member is left out", () => {
  assert.deepEqual(decode(encode({ a: 1, b: undefined })), { a: 1 });
});

test("what would not come back as it was is refused, and the message says where it is", () => {
  for (const bad of [new Map(), new Date(), Number.NaN, () => 1, [undefined], Symbol("s")]) {
    assert.throws(() => encode({ config: [bad] }), {
      code: "InvalidArgument",
      message: /value\.config\[0\]/,
    });
  }
});

test("text that no record was encoded to is refused", () => {
  for (const text of ["", "{", '{"a":{"$unknown":1}}', '{"$bigint":"x"}']) {
    assert.throws(() => decode(text), { code: "DataLoss" }, text);
  }
});
