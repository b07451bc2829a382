import assert from "node:assert/strict";
import { test } from "node:test";
import { UnusableFiles } from "./unusable-files.ts";

test("a file that cannot be used is warned of once, and listed until it can be", () => {
  const warned: unknown[] = [];
  const files = new UnusableFiles({ warn: (fields: unknown) => void warned.push(fields) });
  const broken = { path: "/hooks/a.json", problem: "no JSON" };
  files.found("hooks", [broken]);
  files.found("hooks", [broken]);
  files.found("registries", []);
  assert.deepEqual(files.list(), [{ reader: "hooks", ...broken }]);
  assert.deepEqual(warned, [{ reader: "hooks", ...broken }]);
  files.found("hooks", [{ ...broken, problem: "no path" }]);
  assert.equal(warned.length, 2, "another problem is another warning");
  files.found("hooks", []);
  assert.deepEqual(files.list(), []);
});
