import assert from "node:assert/strict";
import test from "node:test";
import { changedPods } from "./runtime-look.ts";

test("a pod has changed if a state differs, or if a part of it was added or removed", () => {
  const before = new Map([
    ["same", new Map([["a", 1]])],
    ["ended", new Map([["b", 1]])],
    ["gone", new Map([["c", 1]])],
    ["replaced", new Map([["d", 1]])],
  ]);
  const after = new Map([
    ["same", new Map([["a", 1]])],
    ["ended", new Map([["b", 2]])],
    ["replaced", new Map([["e", 1]])],
    ["new", new Map([["f", 1]])],
  ]);
  assert.deepEqual(changedPods(before, after), ["ended", "gone", "replaced", "new"]);
});
