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
