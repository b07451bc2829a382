import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "./index.ts";

test("a regular expression is Go's: found anywhere, with classes by name, in a time that nobody can make long", () => {
  assert.ok(compilePattern("b[[:digit:]]+$").test("ab12"));
  assert.ok(!compilePattern("^b").test("ab"));
  assert.throws(() => compilePattern("(?=a)"));
  const startedAt = performance.now();
  assert.ok(!compilePattern("(a+)+$").test(`${"a".repeat(5000)}b`));
  assert.ok(performance.now() - startedAt < 5000);
});
