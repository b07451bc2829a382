import assert from "node:assert/strict";
import { test } from "node:test";
import { updateLabels } from "./index.ts";

test("labels are merged or replaced, and an empty value removes one either way", () => {
  const before = { a: "1", b: "2" };
  assert.deepEqual(updateLabels(before, { b: "", c: "3" }), { a: "1", c: "3" });
  assert.deepEqual(updateLabels(before, { b: "", c: "3" }, "replace"), { c: "3" });
  assert.deepEqual(before, { a: "1", b: "2" });
});

test("a label of more than 4096 bytes is refused by its key", () => {
  assert.deepEqual(updateLabels({}, { key: "v".repeat(4093) }), { key: "v".repeat(4093) });
  assert.throws(() => updateLabels({}, { key: "v".repeat(4094) }), {
    name: "LabelsError",
    code: "InvalidArgument",
    message: /label "key" has 4097 bytes/,
  });
});
