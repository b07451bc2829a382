import assert from "node:assert/strict";
import test from "node:test";
import { readVariables } from "./env-file.ts";

test("a file of variables has names and quoted values, which may have several lines", () => {
  const text = "# comment\n\n  ONE='1 = one' # more\nTWO='a\nb'\nEMPTY=''\n";
  assert.deepEqual(
    [...readVariables(text, "env")],
    [
      ["ONE", "1 = one"],
      ["TWO", "a\nb"],
      ["EMPTY", ""],
    ],
  );
  for (const wrong of ["ONE=1", "ONE='1", "ONE TWO='1'", "='1'", "ONE='1' more", "secret"])
    assert.throws(
      () => readVariables(wrong, "env"),
      /^PodSpecError: fileKeyRef: env has a line that is not NAME='value'$/,
    );
});
