import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSpecJson, specJson } from "./spec-json.ts";

test("an endless limit is the kernel's number in the text, and nothing else is touched", () => {
  const value = {
    rlimits: [{ type: "RLIMIT_CORE", soft: 3, hard: Number.POSITIVE_INFINITY }],
    env: ['A="soft":null', 'B="hard":18446744073709551615', "C=18446744073709551615"],
  };
  const text = specJson(value);
  assert.match(text, /"soft":3,"hard":18446744073709551615\}/);
  assert.deepEqual(parseSpecJson(text), value);
});

test("a whole number keeps every digit, whether a double holds it or not", () => {
  const [largest, beyond] = [Number.MAX_SAFE_INTEGER, 9007199254740993n];
  assert.equal(specJson({ limit: beyond, small: 5n }), '{"limit":9007199254740993,"small":5}');
  assert.deepEqual(parseSpecJson('{"limit":9007199254740993,"small":5}'), { limit: beyond, small: 5 });
  for (const limit of [largest, 999_999_999_999_999])
    assert.deepEqual(parseSpecJson(`{"limit":${limit}}`), { limit });
});

test("what is no JSON is an error, in both directions", () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  assert.throws(() => specJson(circular), TypeError);
  assert.throws(() => parseSpecJson("{"), SyntaxError);
});
